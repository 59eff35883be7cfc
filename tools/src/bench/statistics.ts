/** Averages and percentiles of what a benchmark measured. */

export interface Summary {
  count: number
  avg: number
  p50: number
  p95: number
  max: number
}

/** Undefined for no values: an average of nothing is not 0. */
export function summarise(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  return {
    count: sorted.length,
    avg: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    max: sorted.at(-1)!,
  }
}

/** Nearest rank: a value that was measured, never one between two. `sorted` must be ascending and not empty. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}
