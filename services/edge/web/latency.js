/**
 * What the chart and the figures are made of: when each piece of audio was sent, and how long ago that was when the
 * words that cover it came.
 */

/** Offsets are whole milliseconds; one may point up to 1 ms behind the sample that it means. */
const ROUNDING_SAMPLES = 16

/** Readings that the figures are computed of: about half a minute at a look-ahead of 80 ms. */
const READINGS_MAX = 200

/** Covered frames that are kept before their memory is given back, all at once. */
const HEAD_MAX = 1024

/** When the samples of a session were sent, for those that no result has covered yet. */
export class SentLog {
  /** @type {{start: number, end: number, atMs: number}[]} from #head on: frames not wholly covered, oldest first */
  #frames = []
  #head = 0
  #samples = 0
  #covered = 0

  /** @param {number} samples @param {number} atMs */
  add(samples, atMs) {
    this.#frames.push({ start: this.#samples, end: this.#samples + samples, atMs })
    this.#samples += samples
  }

  /**
   * When the last sample before `offset` was sent; undefined if an earlier result covered it.
   * @param {number} offset samples since the session began
   */
  cover(offset) {
    if (offset <= this.#covered) return undefined
    this.#covered = offset
    let atMs
    while (this.#head < this.#frames.length) {
      const frame = this.#frames[this.#head]
      if (frame.start >= offset - ROUNDING_SAMPLES) break
      atMs = frame.atMs
      if (frame.end > offset) break
      this.#head++
    }
    if (this.#head > HEAD_MAX) {
      this.#frames.splice(0, this.#head)
      this.#head = 0
    }
    return atMs
  }
}

/** The newest readings of one measure: now, median and 95th percentile, in ms. */
export class Readings {
  #values = []

  add(ms) {
    this.#values.push(ms)
    if (this.#values.length > READINGS_MAX) this.#values.shift()
  }

  clear() {
    this.#values = []
  }

  get summary() {
    if (this.#values.length === 0) return undefined
    const sorted = this.#values.toSorted((a, b) => a - b)
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
    return { now: this.#values.at(-1), median: at(0.5), p95: at(0.95) }
  }
}
