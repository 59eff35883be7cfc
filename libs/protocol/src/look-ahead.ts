/** Look-aheads by name ("70,1": 70 frames to the left, 1 to the right) and the chunks that follow from them. */
import { strict as assert } from 'node:assert'
import { FRAME_MS, FRAME_SAMPLES, WINDOW_TAIL_SAMPLES } from './limits.js'

/** When the steps of a turn become possible; all that an edge needs to know of a model's shape. */
export interface ChunkGeometry {
  /** Look-ahead R in encoder frames. */
  readonly right: number
  /** Samples of a turn before its first step can run: 1280 R + 200. */
  readonly firstChunkSamples: number
  /** Samples between steps: 1280 (R+1). */
  readonly chunkSamples: number
}

export function chunkGeometry(right: number): ChunkGeometry {
  assert(Number.isInteger(right) && right >= 0 && right < 1000, `look-ahead ${right} is not a small whole number`)
  return {
    right,
    firstChunkSamples: FRAME_SAMPLES * right + WINDOW_TAIL_SAMPLES,
    chunkSamples: FRAME_SAMPLES * (right + 1),
  }
}

export const chunkMs = (right: number): number => FRAME_MS * (right + 1)

/** Samples of a turn after which step `k` (from 0) is ready: 1280 (R + k (R+1)) + 200. */
export function stepReadyAt(geometry: ChunkGeometry, k: number): number {
  return geometry.firstChunkSamples + k * geometry.chunkSamples
}

/** Of `turnSamples` samples of a turn: how many belong to complete chunks (0 before the first is complete). */
export function completeSamples(geometry: ChunkGeometry, turnSamples: number): number {
  const beyond = turnSamples - geometry.firstChunkSamples
  if (beyond < 0) return 0
  return geometry.firstChunkSamples + Math.floor(beyond / geometry.chunkSamples) * geometry.chunkSamples
}

/** Names that the model cannot have (70 must divide by R+1) but that are in use, and what they mean. */
const ALIASES: Readonly<Record<string, string>> = { '70,16': '70,6', '70,33': '70,13' }

export interface LookAheadName {
  readonly name: string
  readonly left: number
  readonly right: number
  /** One line for the log when the name was an alias. */
  readonly warning?: string
}

/** "70,1" (blanks allowed) or an alias; undefined for anything that is not two whole numbers. What a model supports is the worker's to say. */
export function parseLookAhead(text: string): LookAheadName | undefined {
  const match = /^\s*\[?\s*(\d{1,4})\s*,\s*(\d{1,3})\s*\]?\s*$/.exec(text)
  if (!match) return undefined
  const asked = `${Number(match[1])},${Number(match[2])}`
  const name = ALIASES[asked] ?? asked
  const [left, right] = name.split(',').map(Number) as [number, number]
  if (name === asked) return { name, left, right }
  return {
    name,
    left,
    right,
    warning: `att_ctx ${asked} is an alias of ${name} (${FRAME_MS * right} ms of look-ahead)`,
  }
}
