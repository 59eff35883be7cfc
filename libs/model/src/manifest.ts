/**
 * model.json: what a compiled model directory holds and everything that a recogniser must know to run it.
 *
 * Written by the compiler, read by the engine, by `yap model inspect` and by whoever asks which look-aheads there are.
 * `hash` names what decides tokens (weights, graphs, pieces): two workers with equal hashes give equal transcripts.
 */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StateTensor } from './graph/encoder.js'
import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ, type LookAhead } from './look-ahead.js'
import { ModelError } from './model-error.js'
import type { ModelShape } from './model-shape.js'

/** Of the directory's layout and the graphs' inputs and outputs; a directory of another format is compiled anew. */
export const MANIFEST_FORMAT = 1
export const MANIFEST_FILE = 'model.json'

export interface ModelFile {
  file: string
  bytes: number
  sha256: string
}

export interface ModelManifest {
  format: number
  name: string
  hash: string
  /** Where the archive came from, and under which licence its weights are; empty where that is not known. */
  source: string
  licence: string
  sampleRateHz: typeof SAMPLE_RATE_HZ
  frameMs: typeof FRAME_MS
  frameSamples: typeof FRAME_SAMPLES
  lookAheads: LookAhead[]
  defaultLookAhead: string
  /** SentencePiece pieces by token id; blank is the id after the last. */
  pieces: string[]
  /** The tokenizer drops all spaces at a text's start; else (also where absent) the first one only. */
  trimsStart?: boolean
  blank: number
  /** RNNT symbols on one frame at most; null: no limit. */
  maxSymbols: number | null
  parameters: number
  shape: Omit<ModelShape, 'maxSymbols'>
  /** Encoder state of one stream. */
  state: StateTensor[]
  files: { weights: ModelFile; encoder: ModelFile; joint: ModelFile; prediction: ModelFile }
}

export function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:${part};`)
  return hash.digest('hex')
}

/** @throws ModelError `not_found` where there is no model, `bad_model` where model.json is not of this format or a file is not whole */
export async function loadManifest(modelDir: string): Promise<ModelManifest> {
  const path = join(modelDir, MANIFEST_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new ModelError(
      'not_found',
      `${modelDir} is not a compiled model: it has no ${MANIFEST_FILE}; make one with yap model compile`,
      { cause },
    )
  }
  let manifest: ModelManifest
  try {
    manifest = JSON.parse(text) as ModelManifest
  } catch (cause) {
    throw new ModelError('bad_model', `${path} is not JSON; compile the model again`, { cause })
  }
  if (manifest.format !== MANIFEST_FORMAT) {
    throw new ModelError(
      'bad_model',
      `${path} has format ${manifest.format}, this version reads ${MANIFEST_FORMAT}; compile the model again`,
    )
  }
  for (const { file, bytes } of Object.values(manifest.files)) await checkSize(join(modelDir, file), bytes)
  return manifest
}

async function checkSize(path: string, bytes: number): Promise<void> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0
  if (size !== bytes) {
    throw new ModelError('bad_model', `${path} has ${size} of ${bytes} bytes; compile the model again`)
  }
}
