/** Durations of recent steps, for heartbeats and tables: the last 256, or those of the last ten seconds if these are fewer. */
const KEPT = 256
const RECENT_MS = 10_000

export class StepTimes {
  readonly #stepMs = new Float64Array(KEPT)
  readonly #atMs = new Float64Array(KEPT)
  #count = 0

  /** Steps since the start. */
  get count(): number {
    return this.#count
  }

  add(stepMs: number, nowMs: number): void {
    this.#stepMs[this.#count % KEPT] = stepMs
    this.#atMs[this.#count % KEPT] = nowMs
    this.#count++
  }

  /** Median and 95th percentile in ms; 0 where no step is recent. */
  quantiles(nowMs: number): { p50: number; p95: number } {
    const recent: number[] = []
    for (let i = 0; i < Math.min(this.#count, KEPT); i++)
      if (nowMs - this.#atMs[i]! <= RECENT_MS) recent.push(this.#stepMs[i]!)
    recent.sort((a, b) => a - b)
    const at = (share: number) => recent[Math.min(recent.length - 1, Math.floor(share * recent.length))] ?? 0
    return { p50: round(at(0.5)), p95: round(at(0.95)) }
  }
}

const round = (ms: number): number => Math.round(ms * 100) / 100
