/** What passes between the engine's thread and the rest of the worker. Samples do not: they lie in shared memory. */
import type { Decoder, ModelManifest, StepEngine, StepRowResult, StepWindow } from '@yap/model'

/** What an engine module's `createEngine` gets. */
export interface EngineOptions {
  modelDir: string
  manifest: ModelManifest
  slots: number
  batchMax: number
  threads: number
  device: string
  /** For engines of tests. */
  extra?: unknown
}

/** An engine module exports this as `createEngine`. */
export type CreateEngine = (options: EngineOptions) => Promise<StepEngine>

export interface ThreadData extends EngineOptions {
  /** URL of the module with `createEngine`. */
  engineModule: string
  warmUpMsMax: number
  /** batchMax rows of the largest window. */
  pcm: SharedArrayBuffer
}

export interface EngineRow {
  slot: number
  decoder: Decoder
  window: StepWindow
  commit: boolean
}

/** In this order: slots are cleared, copies are made, rows are stepped. */
export interface EngineStep {
  /** Position in the manifest's list. */
  lookAhead: number
  resets: number[]
  copies: { from: number; to: number }[]
  /** Row i has its samples at row i of the shared memory. */
  rows: EngineRow[]
}

export type ToThread = { kind: 'step'; step: EngineStep } | { kind: 'close' }

export type FromThread =
  | { kind: 'ready'; measuredMs: (number | undefined)[][] }
  | { kind: 'stepped'; results: StepRowResult[]; stepMs: number }
  | { kind: 'closed' }
  | { kind: 'failed'; message: string; starting: boolean }

/** Samples of one window: a chunk, and 241 before it. */
export function windowSamplesMax(manifest: Pick<ModelManifest, 'lookAheads'>): number {
  return Math.max(...manifest.lookAheads.map((lookAhead) => lookAhead.chunkSamples)) + 241
}
