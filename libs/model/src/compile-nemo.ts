/**
 * From a .nemo archive to a model directory:
 *
 *   model.json        geometry, state, pieces, hashes (manifest.ts)
 *   model.weights     every weight, once; the graphs name offsets in it
 *   encoder.onnx      joint.onnx      prediction.onnx
 *
 * Checks come before work. The directory is written under a temporary name beside its place and renamed when whole, so
 * nothing half-written is ever left or found.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { checkTensors, expectedTensors, type TensorSource } from './graph/checkpoint-shapes.js'
import { encoderGraph, encoderState } from './graph/encoder.js'
import { jointGraph, predictionGraph } from './graph/rnnt.js'
import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ, lookAheadOf } from './look-ahead.js'
import { MANIFEST_FILE, MANIFEST_FORMAT, hashOf, loadManifest, type ModelFile, type ModelManifest } from './manifest.js'
import { ModelError } from './model-error.js'
import { modelShapeOf, type ModelShape } from './model-shape.js'
import { openNemo, type NemoArchive } from './nemo/archive.js'
import type { Tokenizer } from './nemo/sentencepiece.js'
import { WeightsFile } from './onnx/weights-file.js'
import { whileUnfinished } from './unfinished.js'

export interface CompileOptions {
  /** Called for every weight written: how many are done, of how many. */
  onProgress?: (done: number, total: number, what: string) => void
  name?: string
  source?: string
  licence?: string
  /** Where another process made the directory meanwhile, keep that one: it may be in use. */
  keepExisting?: boolean
}

/**
 * @param outDir created; replaced where it is a compiled model already
 * @throws ModelError before any work where the model is not supported or the archive is not whole
 */
export async function compileNemo(
  nemoPath: string,
  outDir: string,
  options: CompileOptions = {},
): Promise<ModelManifest> {
  const archive = await openNemo(nemoPath)
  try {
    const shape = checkedShape(archive)
    const name = options.name ?? basename(nemoPath).replace(/\.nemo$/, '')
    return await inNewDirectory(outDir, options.keepExisting ?? false, (dir) =>
      writeModel(dir, archive.checkpoint, shape, archive, { ...options, name }),
    )
  } finally {
    await archive.close()
  }
}

/** All checks that need no work; their messages name the archive. */
function checkedShape({ path, config, checkpoint, pieces }: NemoArchive): ModelShape {
  try {
    const shape = modelShapeOf(config)
    checkTensors(checkpoint, shape)
    if (pieces.length === shape.vocabulary) return shape
    throw new ModelError('bad_model', `the tokenizer has ${pieces.length} pieces, the model ${shape.vocabulary}`)
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    throw new ModelError(error.code, `${path}: ${error.message}`, { cause: error })
  }
}

async function writeModel(
  dir: string,
  source: TensorSource,
  shape: ModelShape,
  tokenizer: Tokenizer,
  options: CompileOptions & { name: string },
): Promise<ModelManifest> {
  const total = expectedTensors(shape).size
  let done = 0
  const onTensor = (what: string) => options.onProgress?.(Math.min(++done, total), total, what)
  const weights = await WeightsFile.create(join(dir, 'model.weights'), 'model.weights')
  try {
    const graphs = {
      encoder: await encoderGraph(shape, source, weights, onTensor),
      joint: await jointGraph(shape, source, weights, onTensor),
      prediction: await predictionGraph(shape, source, weights, onTensor),
    }
    const bytes = weights.bytes
    const files = {
      weights: { file: 'model.weights', bytes, sha256: await weights.finish() },
      encoder: await writeGraph(dir, 'encoder.onnx', graphs.encoder),
      joint: await writeGraph(dir, 'joint.onnx', graphs.joint),
      prediction: await writeGraph(dir, 'prediction.onnx', graphs.prediction),
    }
    const manifest = manifestOf(shape, tokenizer, files, parametersOf(shape), options)
    await writeFile(join(dir, MANIFEST_FILE), `${JSON.stringify(manifest, null, 1)}\n`)
    options.onProgress?.(total, total, 'done')
    return manifest
  } finally {
    await weights.abandon()
  }
}

function manifestOf(
  shape: ModelShape,
  { pieces, trimsStart }: Tokenizer,
  files: ModelManifest['files'],
  parameters: number,
  options: CompileOptions & { name: string },
): ModelManifest {
  const { maxSymbols, ...rest } = shape
  const lookAheads = shape.attContexts.map(([left, right]) => lookAheadOf(left, right))
  return {
    format: MANIFEST_FORMAT,
    name: options.name,
    hash: hashOf([...Object.values(files).map((f) => f.sha256), JSON.stringify(pieces), String(maxSymbols)]),
    source: options.source ?? '',
    licence: options.licence ?? '',
    sampleRateHz: SAMPLE_RATE_HZ,
    frameMs: FRAME_MS,
    frameSamples: FRAME_SAMPLES,
    lookAheads,
    defaultLookAhead: lookAheads[0]!.name,
    pieces,
    trimsStart,
    blank: shape.vocabulary,
    maxSymbols,
    parameters,
    shape: rest,
    state: encoderState(shape),
    files,
  }
}

/** Learned values, as NeMo counts them: without the feature extractor's tables and running statistics. */
function parametersOf(shape: ModelShape): number {
  let sum = 0
  for (const [name, dims] of expectedTensors(shape)) {
    if (name.startsWith('preprocessor.') || name.includes('.running_')) continue
    sum += dims.reduce((a, b) => a * b, 1)
  }
  return sum
}

async function writeGraph(dir: string, file: string, bytes: Uint8Array): Promise<ModelFile> {
  await writeFile(join(dir, file), bytes)
  return { file, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Runs `write` on a temporary directory beside `outDir` and renames it into place; on any error nothing stays. */
async function inNewDirectory<T>(
  outDir: string,
  keepExisting: boolean,
  write: (dir: string) => Promise<T>,
): Promise<T> {
  const place = resolve(outDir)
  const temporary = `${place}.tmp-${process.pid}`
  await refuseForeign(place)
  return whileUnfinished(temporary, async () => {
    await makeEmpty(temporary, place)
    const result = await write(temporary)
    // A damaged one is of no use to anybody.
    if (keepExisting && (await loadManifest(place).catch(() => undefined))) return result
    await rm(place, { recursive: true, force: true })
    await rename(temporary, place)
    return result
  })
}

async function makeEmpty(dir: string, place: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true })
    await mkdir(dir, { recursive: true })
  } catch (cause) {
    throw new ModelError('disk', `cannot make ${place}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Only an empty place or an older compiled model may be replaced.
 *
 * @throws ModelError `disk`
 */
export async function refuseForeign(place: string): Promise<void> {
  const there = await stat(place).catch(() => undefined)
  if (!there) return
  if (!there.isDirectory()) throw new ModelError('disk', `${place} is a file; name another directory for the model`)
  const names = await readdir(place)
  if (names.length > 0 && !names.includes(MANIFEST_FILE)) {
    throw new ModelError('disk', `${place} holds other files; name an empty or new directory for the model`)
  }
}
