/**
 * The transducer's two small graphs. Both take any number of rows, so all streams that still emit go round together.
 *
 *   joint       encoder half f [N, J] and prediction half g [N, J]  ->  best token, its log-probability
 *   prediction  token [N], LSTM state h, c [N, layers, P]           ->  h', c', and g of the new state
 *
 * The first LSTM layer's input half is a table, one row a token (embedding times input weights plus both biases), made
 * at compile time: a lookup in place of half a matrix product. Gates are in torch's order i, f, g, o.
 * Source: RNNTJoint, RNNTDecoder (StatelessTransducer off, blank_as_pad) of NeMo.
 */
import type { ModelShape } from '../model-shape.js'
import { GraphBuilder, type Value } from '../onnx/graph-builder.js'
import { DataType } from '../onnx/types.js'
import type { WeightsFile } from '../onnx/weights-file.js'
import type { TensorSource } from './checkpoint-shapes.js'
import { best } from './encoder.js'
import { timesTransposed, transposed } from './matrix.js'
import { Weights } from './weights.js'

const { FLOAT, INT32 } = DataType
type OnTensor = (name: string) => void

export async function jointGraph(
  shape: ModelShape,
  source: TensorSource,
  file: WeightsFile,
  onTensor: OnTensor,
): Promise<Uint8Array> {
  const g = new GraphBuilder('joint')
  const w = new Weights(g, source, file, onTensor)
  const f = g.input('encoded', FLOAT, ['N', shape.jointHidden])
  const p = g.input('predicted', FLOAT, ['N', shape.jointHidden])
  const out = await w.linear('joint.joint_net.2')
  const logits = g.gemm(g.op(shape.jointActivation, [g.add(f, p)]), out.w, out.b)
  const { label, logProb } = best(g, logits)
  g.output('token', label, INT32, ['N'])
  g.output('log_prob', logProb, FLOAT, ['N'])
  return g.encode('RNNT joint: best token of each pair of encoder and prediction halves.')
}

export async function predictionGraph(
  shape: ModelShape,
  source: TensorSource,
  file: WeightsFile,
  onTensor: OnTensor,
): Promise<Uint8Array> {
  const g = new GraphBuilder('prediction')
  const w = new Weights(g, source, file, onTensor)
  const { predictionHidden: p, predictionLayers: layers } = shape
  const token = g.input('token', INT32, ['N'])
  const hidden = g.input('hidden', FLOAT, ['N', layers, p])
  const cell = g.input('cell', FLOAT, ['N', layers, p])

  const newHidden: Value[] = []
  const newCell: Value[] = []
  let input = g.op('Gather', [await tokenTable(w, shape), token], { axis: 0 }) // [N, 4P]
  for (let n = 0; n < layers; n++) {
    g.scope = `lstm.${n}`
    const recurrent = await gateWeights(w, 'hh', n, p)
    const h = g.op('Gather', [hidden, g.ints([n], [])], { axis: 1 })
    const c = g.op('Gather', [cell, g.ints([n], [])], { axis: 1 })
    const inputGates = n === 0 ? input : g.gemm(input, await gateWeights(w, 'ih', n, p), await gateBias(w, n))
    const gates = g.gemm(h, recurrent, inputGates)
    const [i, f, u, o] = g.ops('Split', [gates, g.ints([p, p, p, p])], 4, { axis: 1 }) as [Value, Value, Value, Value]
    const sigmoid = (x: Value) => g.op('Sigmoid', [x])
    const tanh = (x: Value) => g.op('Tanh', [x])
    const c2 = g.add(g.mul(sigmoid(f), c), g.mul(sigmoid(i), tanh(u)))
    const h2 = g.mul(sigmoid(o), tanh(c2))
    newHidden.push(g.unsqueeze(h2, [1]))
    newCell.push(g.unsqueeze(c2, [1]))
    input = h2
  }
  g.scope = 'out'
  const projection = await w.linear('joint.pred')
  g.output('new.hidden', g.concat(newHidden, 1), FLOAT, ['N', layers, p])
  g.output('new.cell', g.concat(newCell, 1), FLOAT, ['N', layers, p])
  g.output('predicted', g.gemm(input, projection.w, projection.b), FLOAT, ['N', shape.jointHidden])
  return g.encode('RNNT prediction network: one token further.')
}

const LSTM = 'decoder.prediction.dec_rnn.lstm'

async function gateWeights(w: Weights, which: 'ih' | 'hh', n: number, p: number): Promise<Value> {
  const name = `${LSTM}.weight_${which}_l${n}`
  return w.put(name, [p, 4 * p], transposed(await w.read(name), 4 * p, p))
}

async function summedBias(w: Weights, n: number): Promise<Float32Array> {
  const other = await w.read(`${LSTM}.bias_hh_l${n}`)
  return (await w.read(`${LSTM}.bias_ih_l${n}`)).map((v, i) => v + other[i]!)
}

async function gateBias(w: Weights, n: number): Promise<Value> {
  const bias = await summedBias(w, n)
  return w.put(`${LSTM}.bias_l${n}`, [bias.length], bias)
}

async function tokenTable(w: Weights, shape: ModelShape): Promise<Value> {
  const { predictionHidden: p, vocabulary } = shape
  const rows = vocabulary + 1
  const embedding = await w.read('decoder.prediction.embed.weight')
  const table = timesTransposed(embedding, await w.read(`${LSTM}.weight_ih_l0`), rows, 4 * p, p)
  const bias = await summedBias(w, 0)
  for (let r = 0; r < rows; r++) for (let k = 0; k < 4 * p; k++) table[r * 4 * p + k]! += bias[k]!
  return w.put(`${LSTM}.tokens`, [rows, 4 * p], table)
}
