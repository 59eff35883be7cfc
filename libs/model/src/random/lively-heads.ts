/**
 * Heads that make a random model talk like a trained one: a token every few frames, not ten on one and none on the rest.
 *
 * Random heads cannot: the frame hardly changes what the best token is, so a frame either emits until its limit or never.
 * Here four joint units set the rhythm, all others stay random:
 *
 *   u(t) = a direction of the encoder's frames that changes sign every few frames, of deviation 1
 *   m    = +4 or -4: the class (even or odd id) of the last token, remembered by LSTM unit 0
 *   odd tokens are called by relu(u + m) - relu(u - 1), even ones by relu(-u - m) - relu(-u - 1)
 *
 * When u and m agree a token is due; emitting it turns m, and the two cancel until u changes its sign. The second terms
 * keep a large u from outweighing an m that is against it, which would make a burst.
 */
import type { ModelShape } from '../model-shape.js'
import { calibrateBlankBias } from './calibrate-blank-bias.js'
import { argMax, columnMeans, deviation, linear } from './dense.js'
import { drawTensor, type Overrides } from './random-weights.js'
import { expectedTensors } from '../graph/checkpoint-shapes.js'
import { PredictionNetwork, type Tensor } from './prediction-network.js'
import { SeededRandom } from './seeded-random.js'

const EMBED = 'decoder.prediction.embed.weight'
const LSTM = 'decoder.prediction.dec_rnn.lstm'
const OUT = 'joint.joint_net.2'
const CTC = 'ctc_decoder.decoder_layers.0'
/** What unit 0 holds after a token, but for its sign, and at the start. */
const MEMORY = Math.tanh(1)
/** Far out on a sigmoid or a tanh. */
const OPEN = 8
/** Size of m. */
const RECALL = 4
/** Weight of the rhythm against random logits of deviation 1. */
const CALL = 16
const CANDIDATES = 96
const HISTORY_TOKENS = 64
const SYMBOLS_MAX = 10

/** +1 for even ids, -1 for odd ones. */
function classOf(token: number): number {
  return token % 2 === 0 ? 1 : -1
}

function drawn(shape: ModelShape, seed: number): Tensor {
  const dims = expectedTensors(shape)
  const kept = new Map<string, Float32Array>()
  return (name) => {
    const tensor = kept.get(name) ?? drawTensor(name, dims.get(name)!, shape, new SeededRandom(seed, name))
    kept.set(name, tensor)
    return tensor
  }
}

/** The prediction network with unit 0 remembering the last token's class: gates held open, its own past forgotten. */
export function rememberingNetwork(shape: ModelShape, seed: number): Map<string, Float32Array> {
  const { predictionHidden: p, vocabulary } = shape
  const tensor = drawn(shape, seed)
  const embed = tensor(EMBED)
  for (let token = 0; token < vocabulary; token++) embed[token * p] = classOf(token)
  const names = ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0'].map((part) => `${LSTM}.${part}`)
  const [ih, hh, biasIn, biasHidden] = names.map(tensor) as [Float32Array, Float32Array, Float32Array, Float32Array]
  // The start symbol's row is zero; half a step of bias lets it count as even, so that there is a first token.
  for (const [k, bias] of [OPEN, -OPEN, OPEN / 2, OPEN].entries()) {
    ih.fill(0, k * p * p, k * p * p + p)
    hh.fill(0, k * p * p, k * p * p + p)
    biasIn[k * p] = bias
    biasHidden[k * p] = 0
  }
  ih[2 * p * p] = OPEN
  return new Map([EMBED, ...names].map((name) => [name, tensor(name)]))
}

/**
 * @param takes encoder frames of some speech, [frames, modelDim], one of each look-ahead
 * @param network what rememberingNetwork gave for the same shape and seed
 * @param rate wanted tokens a frame
 */
export async function livelyHeads(
  shape: ModelShape,
  seed: number,
  takes: readonly Float32Array[],
  network: Overrides,
  rate: number,
): Promise<Overrides> {
  const base = drawn(shape, seed)
  const overrides = new Map(network)
  const tensor: Tensor = (name) => overrides.get(name) ?? base(name)
  const heads: Heads = { shape, seed, takes, tensor, overrides, rate }
  setRhythm(heads)
  await setOutput(heads)
  setCtc(heads)
  return overrides
}

interface Heads {
  readonly shape: ModelShape
  readonly seed: number
  readonly takes: readonly Float32Array[]
  /** A tensor as it is by now. */
  readonly tensor: Tensor
  readonly overrides: Map<string, Float32Array>
  readonly rate: number
}

/** Units 0 to 3 of both halves of the joint: u + m, -u - m, u - 1, -u - 1. */
function setRhythm({ shape, seed, takes, tensor, overrides, rate }: Heads): void {
  const { modelDim: d, predictionHidden: p } = shape
  const { direction, offset } = rhythmOf(takes, d, rate, new SeededRandom(seed, 'rhythm'))
  const names = ['joint.enc.weight', 'joint.enc.bias', 'joint.pred.weight', 'joint.pred.bias']
  const [w, b, pw, pb] = names.map(tensor) as [Float32Array, Float32Array, Float32Array, Float32Array]
  for (const [unit, sign] of [1, -1, 1, -1].entries()) {
    const remembers = unit < 2
    for (let i = 0; i < d; i++) w[unit * d + i] = sign * direction[i]!
    b[unit] = sign * offset - (remembers ? 0 : 1)
    pw.fill(0, unit * p, (unit + 1) * p)
    pw[unit * p] = remembers ? (sign * RECALL) / MEMORY : 0
    pb[unit] = 0
  }
  for (const name of names) overrides.set(name, tensor(name))
}

/** Of some random directions, centred and of deviation 1, that whose sign changes most nearly as often as is wanted. */
function rhythmOf(takes: readonly Float32Array[], width: number, rate: number, random: SeededRandom) {
  const candidates = random.normals(CANDIDATES * width, 1 / Math.sqrt(width))
  const projected = takes.map((take) => linear(take, width, candidates))
  let best = { distance: Infinity, direction: new Float32Array(width), offset: 0 }
  for (let c = 0; c < CANDIDATES; c++) {
    const lines = projected.map((values) => values.filter((_, i) => i % CANDIDATES === c))
    const all = Float32Array.from(lines.flatMap((line) => [...line]))
    const mean = columnMeans(all, 1)[0]!
    const size = deviation(all, Float32Array.of(mean)) || 1
    // A bit livelier than wanted, at every look-ahead: the blank bias takes the rest away.
    const distance = Math.max(...lines.map((line) => Math.abs(signChanges(line, mean) - 1.25 * rate)))
    if (distance >= best.distance) continue
    const direction = candidates.subarray(c * width, (c + 1) * width).map((v) => v / size)
    best = { distance, direction, offset: -mean / size }
  }
  return best
}

/** A frame. */
function signChanges(line: Float32Array, mean: number): number {
  return line.reduce((n, v, t) => n + (t > 0 && v > mean !== line[t - 1]! > mean ? 1 : 0), 0) / line.length
}

/** The output layer: random logits, centred over frames and histories, plus the rhythm's call; blank has a bias only. */
async function setOutput({ shape, seed, takes, tensor, overrides, rate }: Heads): Promise<void> {
  const { jointHidden: j, vocabulary: blank } = shape
  const random = new SeededRandom(seed, 'output')
  const encoded = takes.map((x) => linear(x, shape.modelDim, tensor('joint.enc.weight'), tensor('joint.enc.bias')))
  const histories = predictedHalves(shape, tensor, random)
  const frames = encoded.flatMap((values) => rowsOf(values, j))
  const samples = histories.flatMap((kind) =>
    kind.flatMap((g) => [...activated(frames[random.below(frames.length)]!, g)]),
  )
  const z = Float32Array.from(samples)

  const w = random.normals((blank + 1) * j)
  for (let token = 0; token <= blank; token++) w.fill(0, token * j, token * j + 4)
  const raw = linear(z, j, w)
  const size = deviation(raw, columnMeans(raw, blank + 1)) || 1
  for (let i = 0; i < w.length; i++) w[i]! /= size
  const means = columnMeans(linear(z, j, w), blank + 1)
  const bias = random.normals(blank + 1, 0.3).map((b, token) => b - means[token]!)
  for (let token = 0; token < blank; token++) {
    const unit = classOf(token) < 0 ? 0 : 1
    w[token * j + unit] = CALL
    w[token * j + unit + 2] = -CALL
  }
  w.fill(0, blank * j)
  overrides.set(`${OUT}.weight`, w).set(`${OUT}.bias`, bias)

  const tokensPerFrame = (blankBias: number) => {
    bias[blank] = blankBias
    const rates = encoded.map((values) => greedyRate(rowsOf(values, j), histories, w, bias, 2 * rate))
    return rates.reduce((sum, n) => sum + n, 0) / rates.length
  }
  const found = await calibrateBlankBias({ tokensPerFrame, wanted: rate, low: 0, high: CALL * (RECALL + 5) })
  bias[blank] = found.blankBias
}

function rowsOf(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width))
}

function activated(f: Float32Array, g: Float32Array): Float32Array {
  return f.map((v, i) => Math.max(0, v + g[i]!))
}

/** Prediction halves of the joint after random histories: those that end in an even token, and those in an odd one. */
function predictedHalves(shape: ModelShape, tensor: Tensor, random: SeededRandom): [Float32Array[], Float32Array[]] {
  const { predictionHidden: p, vocabulary } = shape
  const network = new PredictionNetwork(tensor, p)
  const halves: [Float32Array[], Float32Array[]] = [[], []]
  for (let n = 0; n < HISTORY_TOKENS; n++) {
    const token = 2 * random.below(Math.floor(vocabulary / 2)) + (n % 2)
    const g = linear(network.step(token), p, tensor('joint.pred.weight'), tensor('joint.pred.bias'))
    halves[n % 2]!.push(g)
  }
  return halves
}

/**
 * Tokens a frame of greedy decoding, where any history that ends in the right class stands for the real one: calibration
 * then needs no LSTM step a token. Decoding stops at `rateMax`: it is far too lively then, and slow.
 */
function greedyRate(
  frames: readonly Float32Array[],
  histories: readonly Float32Array[][],
  w: Float32Array,
  bias: Float32Array,
  rateMax: number,
): number {
  const blank = bias.length - 1
  let [tokens, last] = [0, 0]
  for (const f of frames) {
    for (let symbols = 0; symbols < SYMBOLS_MAX; symbols++) {
      const kind = histories[last % 2]!
      const best = argMax(linear(activated(f, kind[tokens % kind.length]!), f.length, w, bias))
      if (best === blank) break
      last = best
      if (++tokens >= rateMax * frames.length) return rateMax
    }
  }
  return tokens / frames.length
}

/** The CTC head: logits centred a class, of deviation 2, and blank wins on all but a `rate` share of the frames. */
function setCtc({ shape, seed, takes, tensor, overrides, rate }: Heads): void {
  const { modelDim: d, vocabulary: blank } = shape
  const x = Float32Array.from(takes.flatMap((take) => [...take]))
  const w = tensor(`${CTC}.weight`)
  const raw = linear(x, d, w)
  const size = (deviation(raw, columnMeans(raw, blank + 1)) || 1) / 2
  for (let i = 0; i < w.length; i++) w[i]! /= size
  const logits = raw.map((v) => v / size)
  const means = columnMeans(logits, blank + 1)
  const bias = new SeededRandom(seed, 'ctc').normals(blank + 1, 0.3).map((b, token) => b - means[token]!)
  const gaps = rowsOf(logits, blank + 1).map((row) => {
    const biased = row.map((v, token) => v + bias[token]!)
    return biased[argMax(biased.subarray(0, blank))]! - biased[blank]!
  })
  const sorted = Float32Array.from(gaps).toSorted()
  bias[blank]! += sorted[Math.floor((1 - rate) * sorted.length)]!
  overrides.set(`${CTC}.weight`, w).set(`${CTC}.bias`, bias)
}
