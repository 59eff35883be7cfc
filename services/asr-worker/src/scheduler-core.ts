/**
 * When to step the model, and with whom: the decisions alone. No clock, no engine, no audio: the caller says what time
 * it is, and carries out what comes back, so that a simulation runs an hour of ten thousand speakers in seconds.
 *
 *   add(row) ──> queue of the row's geometry ──> decide(now) ──> rows of one step ──> engine ──> stepDone(now)
 *
 * A row is a session (by its key) with a complete chunk. Geometry is the look-ahead: rows of one step have one shape.
 *
 * Order. Each geometry has a queue, first come first served. The next step is of the geometry whose head waits longest,
 * with as many rows of it as fit. A session stands in a queue at most once and comes back at its end when it has more
 * chunks, so one that catches up (a replay, a file) takes one row of a step, and those who speak live pass it.
 * A waiting row is therefore overtaken by nobody who came later in its own geometry, and by another geometry only while
 * that one's head is older: nobody starves.
 *
 * Pace. A row is stepped at once, unless a step of its geometry began less than `stepMs` ago: then it waits for company
 * until that time is over, so that steps become fewer and fuller when there is load. Rows that are in a hurry (a turn
 * ends, more chunks are waiting behind this one) and full batches do not wait.
 */
import assert from 'node:assert/strict'

export interface SchedulerLimits {
  /** Least time between two steps of one geometry that need not hurry. */
  stepMs: number
  /** Largest number of rows in a step, of each geometry; geometries are named by their position. */
  rowsMax: readonly number[]
}

export type Decision =
  | { kind: 'idle' }
  | { kind: 'busy' }
  | { kind: 'wait'; untilMs: number }
  | { kind: 'step'; geometry: number; rows: number[]; waitedMsMax: number }

interface Entry {
  readonly row: number
  readonly sinceMs: number
  hurry: boolean
}

interface Queue {
  readonly rowsMax: number
  /** In order of arrival; a removed row stays as undefined until it reaches the head. */
  entries: (Entry | undefined)[]
  head: number
  count: number
  hurrying: number
  steppedAtMs: number
}

export class SchedulerCore {
  readonly #limits: SchedulerLimits
  readonly #queues: Queue[]
  /** Where each waiting row stands. */
  readonly #places = new Map<number, { geometry: number; position: number; entry: Entry }>()
  #stepping = false

  constructor(limits: SchedulerLimits) {
    assert(limits.rowsMax.length > 0 && limits.stepMs >= 0, 'a scheduler needs a geometry and a tick')
    this.#limits = limits
    this.#queues = limits.rowsMax.map((rowsMax) => ({
      rowsMax,
      entries: [],
      head: 0,
      count: 0,
      hurrying: 0,
      steppedAtMs: -Infinity,
    }))
  }

  /** Rows that wait now. */
  get waiting(): number {
    return this.#places.size
  }

  /** Since when the row that waits longest does so, or undefined when none waits. */
  get oldestSinceMs(): number | undefined {
    const geometry = this.#longestWaiting()
    return geometry === undefined ? undefined : this.#head(this.#queues[geometry]!)!.sinceMs
  }

  /** `row` has a complete chunk. Saying it again changes nothing, but may put the row in a hurry. */
  add(row: number, geometry: number, nowMs: number, hurry: boolean): void {
    const queue = this.#queues[geometry]
    assert(queue, `geometry ${geometry} is unknown. This is a bug.`)
    const place = this.#places.get(row)
    if (place) {
      assert.equal(place.geometry, geometry, 'a waiting row cannot change its geometry')
      if (hurry && !place.entry.hurry) {
        place.entry.hurry = true
        queue.hurrying++
      }
      return
    }
    const entry = { row, sinceMs: nowMs, hurry }
    this.#places.set(row, { geometry, position: queue.entries.push(entry) - 1, entry })
    queue.count++
    if (hurry) queue.hurrying++
  }

  /** `row` waits no longer: its session is gone. */
  remove(row: number): void {
    const place = this.#places.get(row)
    if (!place) return
    this.#leave(this.#queues[place.geometry]!, place.position)
  }

  /** What to do now. A step that is decided has begun: nothing else is decided until `stepDone`. */
  decide(nowMs: number): Decision {
    if (this.#stepping) return { kind: 'busy' }
    const geometry = this.#nextGeometry(nowMs)
    if (geometry === undefined) {
      const untilMs = this.#firstReleaseMs()
      return untilMs === undefined ? { kind: 'idle' } : { kind: 'wait', untilMs }
    }
    const queue = this.#queues[geometry]!
    const waitedMsMax = nowMs - this.#head(queue)!.sinceMs
    const rows: number[] = []
    while (rows.length < queue.rowsMax) {
      const entry = this.#head(queue)
      if (!entry) break
      rows.push(entry.row)
      this.#leave(queue, queue.head)
    }
    queue.steppedAtMs = nowMs
    this.#stepping = true
    return { kind: 'step', geometry, rows, waitedMsMax }
  }

  /** The engine is free again. */
  stepDone(): void {
    assert(this.#stepping, 'no step was running. This is a bug.')
    this.#stepping = false
  }

  /** Of the geometries that need not wait for company, the one whose head waits longest. */
  #nextGeometry(nowMs: number): number | undefined {
    let best: number | undefined
    let bestSinceMs = Infinity
    for (const [geometry, queue] of this.#queues.entries()) {
      const head = this.#head(queue)
      if (!head || head.sinceMs >= bestSinceMs || nowMs < this.#releaseMs(queue)) continue
      best = geometry
      bestSinceMs = head.sinceMs
    }
    return best
  }

  #releaseMs(queue: Queue): number {
    const atOnce = queue.hurrying > 0 || queue.count >= queue.rowsMax
    return atOnce ? -Infinity : queue.steppedAtMs + this.#limits.stepMs
  }

  #firstReleaseMs(): number | undefined {
    let first: number | undefined
    for (const queue of this.#queues) {
      if (queue.count > 0 && (first === undefined || this.#releaseMs(queue) < first)) first = this.#releaseMs(queue)
    }
    return first
  }

  #longestWaiting(): number | undefined {
    let best: number | undefined
    let bestSinceMs = Infinity
    for (const [geometry, queue] of this.#queues.entries()) {
      const head = this.#head(queue)
      if (head && head.sinceMs < bestSinceMs) {
        best = geometry
        bestSinceMs = head.sinceMs
      }
    }
    return best
  }

  #head(queue: Queue): Entry | undefined {
    return queue.entries[queue.head]
  }

  #leave(queue: Queue, position: number): void {
    const entry = queue.entries[position]!
    this.#places.delete(entry.row)
    queue.entries[position] = undefined
    queue.count--
    if (entry.hurry) queue.hurrying--
    while (queue.head < queue.entries.length && !queue.entries[queue.head]) queue.head++
    if (queue.head === queue.entries.length) {
      queue.entries.length = 0
      queue.head = 0
    } else if (queue.head > 1024 && queue.head * 2 > queue.entries.length) this.#compact(queue)
  }

  /** Drops the passed half of a queue that never ran empty, so that it does not grow for ever. */
  #compact(queue: Queue): void {
    queue.entries = queue.entries.slice(queue.head)
    queue.head = 0
    for (const [position, entry] of queue.entries.entries()) {
      if (entry) this.#places.get(entry.row)!.position = position
    }
  }
}
