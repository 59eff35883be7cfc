/** A worker's results in the words that clients get: times in ms since the session began. */
import { SAMPLE_RATE_HZ, type ClientWord, type TextResult } from '@yap/protocol'
import type { Said } from './session-events.js'
import type { TurnNumber } from './turn-ledger.js'

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000

export const offsetMs = (offset: number): number => Math.round(offset / SAMPLES_PER_MS)

export interface SayOptions {
  readonly words: boolean
  readonly lagMs: number
}

export function sayInterim(result: TextResult, turn: TurnNumber, o: SayOptions): Said {
  const { text, end } = result
  return {
    op: 'interim',
    text,
    turn: turn.turn,
    offsetMs: offsetMs(end),
    lagMs: Math.round(o.lagMs),
    ...wordsOf(result, turn, o),
  }
}

export function sayFinal(result: TextResult, turn: TurnNumber, o: SayOptions): Said {
  const { text, end } = result
  const times = { startMs: offsetMs(turn.turnStart), endMs: offsetMs(end), lagMs: Math.round(o.lagMs) }
  return { op: 'final', text, turn: turn.turn, ...times, ...wordsOf(result, turn, o) }
}

function wordsOf(result: TextResult, turn: TurnNumber, o: SayOptions): { words?: ClientWord[] } {
  if (!o.words) return {}
  const from = offsetMs(turn.turnStart)
  const words = (result.words ?? []).map(([word, startMs, endMs, confidence]): ClientWord => ({
    word,
    start_ms: Math.round(from + startMs),
    end_ms: Math.round(from + endMs),
    confidence,
  }))
  return { words }
}
