/** Batch sizes that a step really runs at: 1, 2, 4 … up to the largest batch. Fewer rows are padded up to the next one. */
import assert from 'node:assert/strict'

/** Powers of two up to `rowsMax`, and `rowsMax` itself where it is none. */
export function bucketSizes(rowsMax: number): number[] {
  assert(Number.isInteger(rowsMax) && rowsMax > 0, `a largest batch of ${rowsMax} rows`)
  const sizes: number[] = []
  for (let size = 1; size < rowsMax; size *= 2) sizes.push(size)
  sizes.push(rowsMax)
  return sizes
}

/** Position in `sizes` of the smallest bucket that holds `rows`; the last one for more rows than fit. */
export function bucketIndex(sizes: readonly number[], rows: number): number {
  for (let i = 0; i < sizes.length; i++) if (sizes[i]! >= rows) return i
  return sizes.length - 1
}
