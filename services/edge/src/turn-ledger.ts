/**
 * Turns as the edge counts them: the one whose final comes next, and the ends that the client has asked for since.
 *
 *   offsets  ──[ turn t ...... mark 0 ][ turn t+1 ... mark 1 ][ turn t+2 ... ──> ring end
 *              ^ start                  numbers of later turns follow from the marks before them
 *
 * An endpoint found by the worker puts a final before the marks: all numbers then move up by one, by themselves. A mark is
 * answered by the first final that ends at or after it; so `finalize` always gets a final of its own.
 */
import { strict as assert } from 'node:assert'

export interface Mark {
  /** Session offset after the turn's last sample. */
  offset: number
  readonly cause: 'finalize' | 'close'
  readonly askedAtMs: number
  sentAtMs: number
}

export interface TurnNumber {
  readonly turn: number
  readonly turnStart: number
}

export class TurnLedger {
  /** Ends asked for and not yet answered, in order of offset. */
  readonly marks: Mark[] = []
  #turn: number
  #start: number
  /** The turn before, whose number audio still bears that lies before an endpoint which was found ahead of it. */
  #before: TurnNumber

  constructor(turn: number, start: number) {
    this.#turn = turn
    this.#start = start
    this.#before = { turn, turnStart: start }
  }

  /** Number of the next final. */
  get turn(): number {
    return this.#turn
  }

  get start(): number {
    return this.#start
  }

  get before(): TurnNumber {
    return this.#before
  }

  add(mark: Mark): void {
    assert((this.marks.at(-1)?.offset ?? 0) <= mark.offset, 'marks are in order. This is a bug.')
    this.marks.push(mark)
  }

  /** What a message at `offset` behind the first `passed` marks is called. */
  numberAt(offset: number, passed: number): TurnNumber {
    const start = this.segmentStart(passed)
    if (offset < start) return this.#before
    return { turn: this.#turn + passed, turnStart: start }
  }

  segmentStart(passed: number): number {
    return passed === 0 ? this.#start : this.marks[passed - 1]!.offset
  }

  /** The next final ended its turn at `end`. Returns the mark that it answers, if it does. */
  accept(end: number): Mark | undefined {
    this.#before = { turn: this.#turn, turnStart: this.#start }
    this.#turn++
    this.#start = end
    const answered = this.marks[0] && this.marks[0].offset <= end ? this.marks.shift() : undefined
    // An endpoint may lie a little ahead of the audio that it was found in: an end cannot come before its turn's start.
    for (const mark of this.marks) mark.offset = Math.max(mark.offset, end)
    return answered
  }
}
