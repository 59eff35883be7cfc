/**
 * Results of a session that its edge has not acknowledged: numbered, kept, and sent again until they are.
 *
 * A flush result (the idle tail, stepped on a copy) borrows the number of the next real result. It is sent three times
 * at most, and forgotten as soon as a real result has taken that number.
 */
import { LIMITS, type TextResult } from '@yap/protocol'

const FLUSH_SENDS_MAX = 3

interface Kept {
  readonly result: TextResult
  /** Session offset at which the result's turn starts. */
  readonly turnStart: number
  sentAtMs: number
}

export class ResultLog {
  readonly #kept: Kept[] = []
  #flush: { result: TextResult; sentAtMs: number; sends: number } | undefined
  #nextIndex: number

  /** @param index number of the first result */
  constructor(index: number) {
    this.#nextIndex = index
  }

  get nextIndex(): number {
    return this.#nextIndex
  }

  /** Results that wait for their acknowledgement. */
  get waiting(): number {
    return this.#kept.length
  }

  add(result: Omit<TextResult, 'index'>, turnStart: number): void {
    this.#kept.push({ result: { index: this.#nextIndex++, ...result }, turnStart, sentAtMs: -Infinity })
    this.#flush = undefined
  }

  setFlush(result: Omit<TextResult, 'index' | 'kind'>): void {
    this.#flush = { result: { index: this.#nextIndex, kind: 'flush', ...result }, sentAtMs: -Infinity, sends: 0 }
  }

  /** The edge has every result before `index`. */
  acknowledge(index: number): void {
    let count = 0
    while (count < this.#kept.length && this.#kept[count]!.result.index < index) count++
    if (count > 0) this.#kept.splice(0, count)
  }

  /** Where a replay would begin: the start of the oldest result's turn, or `current` when all were acknowledged. */
  checkpoint(current: number): number {
    return this.#kept[0]?.turnStart ?? current
  }

  /** Something was never sent, or so long ago that it must be sent again. */
  isDue(nowMs: number): boolean {
    const dueBefore = nowMs - LIMITS.resultRepeatMs
    if (this.#flush && this.#flush.sends < FLUSH_SENDS_MAX && this.#flush.sentAtMs <= dueBefore) return true
    return this.#kept.some((kept) => kept.sentAtMs <= dueBefore)
  }

  /** What to send now, in order, and counts it as sent. `all`: also what was sent just now. */
  takeDue(nowMs: number, all = false): TextResult[] {
    const dueBefore = all ? Infinity : nowMs - LIMITS.resultRepeatMs
    const results: TextResult[] = []
    for (const kept of this.#kept) {
      if (results.length === LIMITS.textResultsMax) return results
      if (kept.sentAtMs > dueBefore) continue
      kept.sentAtMs = nowMs
      results.push(kept.result)
    }
    const flush = this.#flush
    if (flush && flush.sends < FLUSH_SENDS_MAX && flush.sentAtMs <= dueBefore) {
      flush.sentAtMs = nowMs
      flush.sends++
      results.push(flush.result)
    }
    return results
  }
}
