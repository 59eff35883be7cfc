/**
 * Greedy CTC: repeats collapse to one, blanks go. The last label, blank included, is all that a turn carries from chunk to
 * chunk; NeMo collapses the labels of all chunks anew at each step and gets the same.
 */
import type { StepRowResult } from './step-engine.js'

/**
 * Appends the tokens of some frames to `result`.
 * @param before last label of the frames before
 * @returns the last label of these frames
 */
export function collapseCtc(
  labels: Int32Array,
  logProbs: Float32Array,
  before: number,
  blank: number,
  firstFrame: number,
  result: StepRowResult,
): number {
  let last = before
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (label !== last && label !== blank) {
      result.tokens.push(label)
      result.frames.push(firstFrame + i)
      result.logProbs.push(logProbs[i]!)
    }
    last = label
  }
  return last
}
