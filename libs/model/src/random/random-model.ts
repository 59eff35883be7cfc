/**
 * A full-size model without anybody's weights: for measuring speed and memory where the real one cannot be had.
 *
 *   random weights -> temporary archive -> compile -> its encoder's frames on synthetic speech -> lively heads
 *                  -> archive -> compile -> outDir
 */
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { compileNemo, refuseForeign } from '../compile-nemo.js'
import type { StepRowResult } from '../engine/step-engine.js'
import { FRAME_MS } from '../look-ahead.js'
import type { ModelManifest } from '../manifest.js'
import { ModelError } from '../model-error.js'
import { modelShapeOf } from '../model-shape.js'
import { makeTokenizerModel } from '../nemo/sentencepiece.js'
import { writeNemo } from '../nemo/write-nemo.js'
import { StreamingRecogniser } from '../recogniser.js'
import { whileUnfinished } from '../unfinished.js'
import { architectureOf, configOf, type Architecture } from './architectures.js'
import { livelyHeads, rememberingNetwork } from './lively-heads.js'
import { madeUpPieces } from './made-up-pieces.js'
import { randomTensors, type Overrides } from './random-weights.js'
import { syntheticSpeech } from './synthetic-speech.js'

export interface RandomModelOptions {
  /** A name of ARCHITECTURES, `nvidia/` may be left out. */
  like: string
  seed: number
  /** The directory to make. */
  outDir: string
  /** Also written as an archive. */
  nemoPath?: string
  /** Sizes other than those of `like`. */
  sizes?: Partial<Architecture>
  /** Tokens a frame that greedy decoding shall emit; default 0.3. */
  rate?: number
  onProgress?: (what: 'drawing' | 'calibrating' | 'compiling', done: number, total: number) => void
}

export interface RandomModel {
  readonly manifest: ModelManifest
  /** Mean over look-aheads. */
  readonly tokensPerFrame: number
  /** Of each look-ahead, on the synthetic speech that it was calibrated on. */
  readonly liveliness: readonly Liveliness[]
}

export interface Liveliness {
  readonly lookAhead: string
  readonly tokensPerFrame: number
  /** The most tokens on one frame. */
  readonly burst: number
}

const CALIBRATION_SECONDS = 12

/** The same options give the same model, byte by byte. Throws ModelError. */
export async function makeRandomModel(options: RandomModelOptions): Promise<RandomModel> {
  const { seed, rate = 0.3, onProgress } = options
  const architecture: Architecture = { ...architectureOf(options.like), ...options.sizes }
  const pieces = madeUpPieces(architecture.vocabulary)
  const config = configOf(architecture, pieces)
  const shape = modelShapeOf(config)
  // Minutes of work lie between here and the writing.
  await refuseForeign(resolve(options.outDir))
  if (options.nemoPath) await refuseNowhere(options.nemoPath)
  const parent = dirname(resolve(options.outDir))
  await mkdir(parent, { recursive: true })
  const work = await mkdtemp(join(parent, '.yap-random-'))
  return whileUnfinished(work, async () => {
    const archive = join(work, 'random.nemo')
    const write = (overrides: Overrides, path = archive) => {
      const tensors = randomTensors(shape, seed, overrides)
      const drawing = tensors.map((tensor, i) => ({ ...tensor, data: () => draw(tensor.data, i, tensors.length) }))
      return writeNemo(path, { config, pieces, tokenizerModel: makeTokenizerModel(pieces), tensors: drawing })
    }
    const draw = (data: Float32Array | (() => Float32Array), i: number, total: number) => {
      onProgress?.('drawing', i + 1, total)
      return typeof data === 'function' ? data() : data
    }
    const about = {
      name: `random-${basename(options.like)}-${seed}`,
      source: `random weights, seed ${seed}`,
      licence: 'CC0-1.0',
      onProgress: (done: number, total: number) => onProgress?.('compiling', done, total),
    }

    const network = rememberingNetwork(shape, seed)
    await write(network)
    await compileNemo(archive, join(work, 'model'), about)
    onProgress?.('calibrating', 0, 1)
    const takes = await listen(join(work, 'model'), seed)
    const frames = takes.map(({ encoded }) => encoded)
    const overrides = await livelyHeads(shape, seed, frames, network, rate)
    onProgress?.('calibrating', 1, 1)
    await rm(archive)
    await write(overrides)
    const manifest = await compileNemo(archive, options.outDir, about)
    if (options.nemoPath) await moveTo(options.nemoPath, archive, () => write(overrides, options.nemoPath))
    const liveliness = (await listen(options.outDir, seed)).map(livelinessOf)
    const tokensPerFrame = liveliness.reduce((sum, l) => sum + l.tokensPerFrame, 0) / liveliness.length
    return { manifest, liveliness, tokensPerFrame }
  })
}

async function refuseNowhere(path: string): Promise<void> {
  const folder = dirname(resolve(path))
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return
  throw new ModelError('disk', `cannot write ${path}: there is no folder ${folder}`)
}

/** A rename does not cross file systems; then it is written once more in its place. */
async function moveTo(target: string, from: string, writeThere: () => Promise<void>): Promise<void> {
  await rename(from, target).catch(writeThere)
}

interface Take {
  readonly lookAhead: string
  /** [frames, modelDim] */
  readonly encoded: Float32Array
  /** The frame of each token. */
  readonly tokenFrames: readonly number[]
}

/** Synthetic speech heard with each of the model's look-aheads. */
async function listen(modelDir: string, seed: number): Promise<Take[]> {
  const recogniser = await StreamingRecogniser.open(modelDir, { keepEncoded: true })
  try {
    const takes: Take[] = []
    const pcm = syntheticSpeech(CALIBRATION_SECONDS, seed)
    for (const { name } of recogniser.manifest.lookAheads) {
      const parts: Float32Array[] = []
      const tokenFrames: number[] = []
      const onStep = (_: unknown, result: StepRowResult) => {
        if (result.encoded) parts.push(result.encoded)
        tokenFrames.push(...result.frames)
      }
      const stream = recogniser.stream({ attCtx: name, onStep })
      stream.push(pcm)
      stream.finish()
      await recogniser.stepAll()
      stream.close()
      takes.push({ lookAhead: name, encoded: Float32Array.from(parts.flatMap((part) => [...part])), tokenFrames })
    }
    return takes
  } finally {
    await recogniser.close()
  }
}

function livelinessOf({ lookAhead, tokenFrames }: Take): Liveliness {
  const counts = new Map<number, number>()
  for (const frame of tokenFrames) counts.set(frame, (counts.get(frame) ?? 0) + 1)
  const tokensPerFrame = tokenFrames.length / ((CALIBRATION_SECONDS * 1000) / FRAME_MS)
  return { lookAhead, tokensPerFrame, burst: Math.max(0, ...counts.values()) }
}
