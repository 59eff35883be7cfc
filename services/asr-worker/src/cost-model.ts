/**
 * What a step costs, per look-ahead and bucket: measured at warm-up, corrected by every step since.
 *
 * Capacity is time. The predicted busy share is the part of each second that the sessions here would keep the engine
 * busy if it were fully loaded: steps a second times the cost of one row, at the bucket that full load would form. A
 * quiet engine runs small and so dearer batches; counting those would make it look full long before it is.
 *
 * The correction has two parts: each cell (look-ahead, bucket) follows its own steps, and one drift per look-ahead
 * moves the cells that no step has reached yet, since a machine that has become slower is slower for all of them.
 */
import assert from 'node:assert/strict'
import { FRAME_MS } from '@yap/protocol'
import { bucketIndex } from './buckets.js'

/** How much of a new measurement is believed. Slow enough that one preempted step does not close the door. */
const CORRECTION_SHARE = 0.05
/** A step that took this many times what was expected says more about the machine's other work than about ours. */
const RATIO_MAX = 4
/** After so many steps a cell trusts its own measurements alone. */
const CELL_STEPS_TRUSTED = 40

/** No batch is made larger than this allows, so that those with short chunks are not held up by those with long ones. */
export const STEP_MS_MAX = 100

/**
 * Frames that the rows of one step have together, at most. Beyond this a larger batch makes no frame cheaper on a CPU (the
 * weights are read once for all of them either way), but the memory for one step, which is never given back, grows with it.
 */
export const STEP_FRAMES_MAX = 128

export interface CostShape {
  /** Length of one chunk of each look-ahead in ms: how often a session of it is due. */
  chunkMs: readonly number[]
  /** Bucket sizes, ascending. */
  buckets: readonly number[]
}

interface Cell {
  baseMs: number
  ratio: number
  steps: number
}

export class CostModel {
  readonly #shape: CostShape
  readonly #cells: Cell[][]
  readonly #drift: number[]

  /** `measuredMs[lookAhead][bucket]`: cost of a step; undefined where warm-up did not get that far. */
  constructor(shape: CostShape, measuredMs: readonly (readonly (number | undefined)[])[]) {
    this.#shape = shape
    const perRowMs = dearestFrameMs(shape, measuredMs)
    this.#cells = shape.chunkMs.map((chunkMs, lookAhead) =>
      completed(shape.buckets, measuredMs[lookAhead] ?? [], perRowMs * chunkMs).map((baseMs) => ({
        baseMs,
        ratio: 1,
        steps: 0,
      })),
    )
    this.#drift = shape.chunkMs.map(() => 1)
  }

  /** A step of `rows` rows took `stepMs`. */
  observe(lookAhead: number, rows: number, stepMs: number): void {
    const cell = this.#cell(lookAhead, bucketIndex(this.#shape.buckets, rows))
    const ratio = Math.min(stepMs / cell.baseMs, RATIO_MAX)
    this.#drift[lookAhead]! += CORRECTION_SHARE * (ratio - this.#drift[lookAhead]!)
    cell.ratio += Math.max(CORRECTION_SHARE, 1 / (cell.steps + 1)) * (ratio - cell.ratio)
    cell.steps++
  }

  /** Expected duration of a step in ms. */
  stepMs(lookAhead: number, rows: number): number {
    return this.#cellMs(lookAhead, bucketIndex(this.#shape.buckets, rows))
  }

  /** Part of a second that one session of this look-ahead needs of a fully loaded engine. */
  sessionShare(lookAhead: number): number {
    const bucket = this.#fullLoadBucket(lookAhead)
    return this.#cellMs(lookAhead, bucket) / this.#shape.buckets[bucket]! / this.#shape.chunkMs[lookAhead]!
  }

  /** Predicted busy share with `sessions[lookAhead]` sessions. */
  busyShare(sessions: readonly number[]): number {
    let share = 0
    for (const [lookAhead, count] of sessions.entries()) if (count > 0) share += count * this.sessionShare(lookAhead)
    return share
  }

  /** Rows of the largest step that is worth making. */
  rowsMax(lookAhead: number): number {
    return this.#shape.buckets[this.#fullLoadBucket(lookAhead)]!
  }

  /**
   * The bucket that full load forms. A chunk that just missed a step waits for the end of that one and then for its own,
   * and both must fit in one chunk: larger batches cannot hold real time. Long chunks have a bound of their own, since a
   * step also holds up the short ones. Below these, load fills batches by itself.
   */
  #fullLoadBucket(lookAhead: number): number {
    const stepMsMax = Math.min(this.#shape.chunkMs[lookAhead]! / 2, STEP_MS_MAX)
    let best = 0
    for (let bucket = 1; bucket < this.#shape.buckets.length; bucket++) {
      if (!fitsStep(this.#shape.chunkMs[lookAhead]!, this.#shape.buckets[bucket]!)) break
      if (this.#cellMs(lookAhead, bucket) > stepMsMax) break
      best = bucket
    }
    return best
  }

  #cellMs(lookAhead: number, bucket: number): number {
    const cell = this.#cell(lookAhead, bucket)
    const trust = Math.min(1, cell.steps / CELL_STEPS_TRUSTED)
    return cell.baseMs * (trust * cell.ratio + (1 - trust) * this.#drift[lookAhead]!)
  }

  #cell(lookAhead: number, bucket: number): Cell {
    const cell = this.#cells[lookAhead]?.[bucket]
    assert(cell, `look-ahead ${lookAhead} is unknown. This is a bug.`)
    return cell
  }
}

/** Whether so many rows of a look-ahead may be stepped together, by their frames. */
export function fitsStep(chunkMs: number, rows: number): boolean {
  return (rows * chunkMs) / FRAME_MS <= STEP_FRAMES_MAX
}

/** Cost of a row per ms of audio at the largest bucket that was measured, for look-aheads that were not measured at all. */
function dearestFrameMs(shape: CostShape, measuredMs: readonly (readonly (number | undefined)[])[]): number {
  let dearest = 0
  for (const [lookAhead, row] of measuredMs.entries()) {
    const last = row.findLastIndex((ms) => ms !== undefined)
    if (last < 0) continue
    dearest = Math.max(dearest, row[last]! / shape.buckets[last]! / shape.chunkMs[lookAhead]!)
  }
  assert(dearest > 0, 'a cost model needs at least one measured step')
  return dearest
}

/** Fills what was not measured: twice the rows are taken to cost twice the time, which errs on the careful side. */
function completed(buckets: readonly number[], measured: readonly (number | undefined)[], rowMs: number): number[] {
  const costs: number[] = []
  for (const [i, size] of buckets.entries()) {
    const fallback = i > 0 ? (costs[i - 1]! * size) / buckets[i - 1]! : rowMs * size
    costs.push(Math.max(measured[i] ?? fallback, Number.MIN_VALUE))
  }
  return costs
}
