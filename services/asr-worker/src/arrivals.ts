/** When a session's audio arrived, by offset: how long a chunk has been complete. One entry a message, until it is consumed. */
export class Arrivals {
  readonly #entries: { end: number; atMs: number }[] = []

  /** Everything before offset `end` is here since `atMs`. */
  add(end: number, atMs: number): void {
    const last = this.#entries.at(-1)
    if (last?.atMs === atMs) last.end = end
    else this.#entries.push({ end, atMs })
  }

  /** How long ago the audio before offset `end` was complete; 0 where that is not yet so or was forgotten. */
  waitedMs(end: number, nowMs: number): number {
    const entry = this.#entries.find((arrival) => arrival.end >= end)
    return entry ? Math.max(0, nowMs - entry.atMs) : 0
  }

  /** Audio before `consumed` is of no interest any more. */
  forget(consumed: number): void {
    let count = 0
    while (count < this.#entries.length && this.#entries[count]!.end <= consumed) count++
    if (count > 0) this.#entries.splice(0, count)
  }
}
