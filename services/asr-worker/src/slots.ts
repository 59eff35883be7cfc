/**
 * The worker's rows of model state, as a fixed table.
 *
 * A slot is (index, generation): the index names a row of state in the engine, the generation counts its users. Work
 * that is on its way while a session leaves carries both, so a reused row never hears another session's words.
 *
 * Taking and giving back are O(1). The free list is a stack: the row that was used last is used next, so its memory is
 * warm, and rows that no load ever needed are never touched (the system gives them no memory).
 *
 *   from   event     to
 *   FREE   take      USED   generation + 1
 *   USED   release   FREE
 */
import assert from 'node:assert/strict'

export interface Slot {
  readonly index: number
  readonly generation: number
}

export class SlotTable {
  readonly size: number
  readonly #generations: Uint32Array
  readonly #used: Uint8Array
  /** Free indices; the next one to give out is the last. */
  readonly #free: number[] = []
  readonly #first: number

  /** Rows `first` to `first + size - 1` of the engine. */
  constructor(size: number, first = 0) {
    assert(Number.isInteger(size) && size > 0, `a slot table of ${size} rows`)
    this.size = size
    this.#first = first
    this.#generations = new Uint32Array(size)
    this.#used = new Uint8Array(size)
    for (let row = size - 1; row >= 0; row--) this.#free.push(row)
  }

  get usedCount(): number {
    return this.size - this.#free.length
  }

  get freeCount(): number {
    return this.#free.length
  }

  /** The next free slot, or undefined when all rows are in use. */
  take(): Slot | undefined {
    const row = this.#free.pop()
    if (row === undefined) return undefined
    this.#used[row] = 1
    this.#generations[row]!++
    return { index: this.#first + row, generation: this.#generations[row]! }
  }

  /** Gives a slot back. Giving back a slot that somebody else has by now is a bug of ours. */
  release(slot: Slot): void {
    assert(this.isCurrent(slot), `slot ${slot.index}.${slot.generation} is not in use. This is a bug.`)
    const row = slot.index - this.#first
    this.#used[row] = 0
    this.#free.push(row)
  }

  /** Whether this very user still has the row. */
  isCurrent(slot: Slot): boolean {
    const row = slot.index - this.#first
    return this.#used[row] === 1 && this.#generations[row] === slot.generation
  }
}
