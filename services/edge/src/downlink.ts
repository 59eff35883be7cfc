/**
 * Results in order, each once: repeats are dropped by index, gaps wait for the repetition, and what a replay makes again is
 * compared with what was delivered. Decisions only.
 */
import type { TextMessage, TextResult } from '@yap/protocol'

export interface Accepted {
  /** New results, in order. A `flush` does not use up an index. */
  readonly results: readonly TextResult[]
  /** Results that came again: the worker does not know that we have them. */
  readonly repeats: number
  /** Results made again with another text than was delivered. What was delivered stands. */
  readonly diverged: number
}

export class Downlink {
  #nextIndex: number
  /** Index of the first result of the current turn: where a replay begins. */
  #turnIndex: number
  /** Hashes of the delivered results of this turn, from #turnIndex on. */
  #hashes: number[] = []
  #flush = ''

  constructor(index: number) {
    this.#nextIndex = index
    this.#turnIndex = index
  }

  /** Results received: the acknowledgement. */
  get nextIndex(): number {
    return this.#nextIndex
  }

  get turnIndex(): number {
    return this.#turnIndex
  }

  /** Takes what is new of a message. `turn`: number of the turn whose final comes next. */
  take(message: TextMessage, turn: number): Accepted {
    const results: TextResult[] = []
    let repeats = 0
    let diverged = 0
    let current = turn
    for (const result of message.results) {
      if (result.index > this.#nextIndex) break
      if (result.kind === 'flush') {
        if (result.turn === current && this.#isNewFlush(result)) results.push(result)
        continue
      }
      if (result.index < this.#nextIndex) {
        repeats++
        if (this.#differs(result)) diverged++
        continue
      }
      this.#nextIndex++
      results.push(result)
      if (result.kind === 'final') {
        current++
        this.#turnIndex = this.#nextIndex
        this.#hashes = []
      } else this.#hashes.push(hashOf(result))
    }
    return { results, repeats, diverged }
  }

  #isNewFlush({ index, end, text }: TextResult): boolean {
    const key = `${index} ${end} ${text.length}`
    if (index !== this.#nextIndex || key === this.#flush) return false
    this.#flush = key
    return true
  }

  #differs(result: TextResult): boolean {
    const known = this.#hashes[result.index - this.#turnIndex]
    return known !== undefined && known !== hashOf(result)
  }
}

/** FNV-1a over what a result says; 32 bits are enough to notice, and small enough to keep for hours. */
function hashOf({ kind, text, end }: TextResult): number {
  let hash = 0x811c9dc5
  const said = `${kind} ${end} ${text}`
  for (let i = 0; i < said.length; i++) hash = Math.imul(hash ^ said.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
