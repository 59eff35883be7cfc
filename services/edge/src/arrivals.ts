/** When the client's audio arrived, by offset, until results have covered it: the lag that clients are told. */
export class Arrivals {
  readonly #entries: { end: number; atMs: number }[] = []

  /** Everything before `end` is here since `atMs`. Frames of one millisecond share an entry, so a burst stays one. */
  add(end: number, atMs: number): void {
    const last = this.#entries.at(-1)
    if (last && atMs - last.atMs < 1) last.end = end
    else this.#entries.push({ end, atMs })
  }

  /** Age in ms of the sample before `offset`; 0 where that is not known any more. */
  ageMs(offset: number, nowMs: number): number {
    const entry = this.#entries.find((e) => e.end >= offset)
    return entry ? Math.max(0, nowMs - entry.atMs) : 0
  }

  forgetBefore(offset: number): void {
    let count = 0
    while (count < this.#entries.length && this.#entries[count]!.end < offset) count++
    if (count > 0) this.#entries.splice(0, count)
  }
}
