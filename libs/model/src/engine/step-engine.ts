/**
 * The engine's door: rows of state by slot, and steps of many rows together.
 *
 * A slot holds all that a turn has left behind in the model: encoder caches, decoder state, counters. Who uses which slot,
 * and when, is the caller's business. Makers differ in where the state lives, never in what comes out.
 */
import type { LookAhead } from '../look-ahead.js'
import type { DecodedTokens } from '../transcript.js'
import type { StepWindow } from '../turn-audio.js'

export type Decoder = 'rnnt' | 'ctc'

export interface StepRow {
  slot: number
  decoder: Decoder
  window: StepWindow
  /** The window's samples: 1280 (R+1) + 241 of them, perhaps a view on shared memory. */
  pcm: Int16Array
  /** false: the step runs on the slot's state but leaves it as it was. */
  commit: boolean
}

export interface StepRowResult extends DecodedTokens {
  /** false: the numbers went bad (not finite); the slot must be reset before it is used again. */
  ok: boolean
  tokens: number[]
  frames: number[]
  logProbs: number[]
  /** Encoder frames that the step gave. */
  outputs: number
  /** [outputs, D], only where the engine was made with `keepEncoded` (tests). */
  encoded?: Float32Array
  /** [8 (R+1), mels] of the step's window, likewise. */
  logMel?: Float32Array
}

export interface StepEngine {
  readonly slots: number
  /** Forgets what the slot heard: a new turn, or a new user. */
  reset(slot: number): void
  /**
   * Steps rows of one look-ahead together, each slot at most once; results in the order of the rows.
   * Only one step at a time.
   */
  step(lookAhead: LookAhead, rows: readonly StepRow[]): Promise<StepRowResult[]>
  /** The slot's whole state, with the layout's version and the model's hash. */
  export(slot: number): Uint8Array
  /** @throws ModelError `bad_model` where the bytes are of another layout or model */
  import(slot: number, bytes: Uint8Array): void
  copy(from: number, to: number): void
  close(): Promise<void>
}
