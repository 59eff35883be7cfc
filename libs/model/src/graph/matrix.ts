/** Row-major float32 matrices, as far as compiling needs them. Sums run in double precision. */

/** Side of the squares in which a matrix is transposed: both of them stay in the first-level cache. */
const TILE = 32

/** [rows, cols] -> [cols, rows] */
export function transposed(m: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(m.length)
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(top + TILE, rows)
    for (let left = 0; left < cols; left += TILE) {
      const right = Math.min(left + TILE, cols)
      for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) out[c * rows + r] = m[r * cols + c]!
    }
  }
  return out
}

export function scaled(m: Float32Array, factor: number): Float32Array {
  return m.map((v) => v * factor)
}

/** a [n, k] times the transpose of b [m, k] -> [n, m]; four sums at a time, so that additions need not wait for each other. */
export function timesTransposed(a: Float32Array, b: Float32Array, n: number, m: number, k: number): Float32Array {
  const out = new Float32Array(n * m)
  for (let j = 0; j < m; j++) {
    const q = j * k
    for (let i = 0; i < n; i++) {
      const p = i * k
      let [s0, s1, s2, s3] = [0, 0, 0, 0]
      let x = 0
      for (; x + 3 < k; x += 4) {
        s0 += a[p + x]! * b[q + x]!
        s1 += a[p + x + 1]! * b[q + x + 1]!
        s2 += a[p + x + 2]! * b[q + x + 2]!
        s3 += a[p + x + 3]! * b[q + x + 3]!
      }
      for (; x < k; x++) s0 += a[p + x]! * b[q + x]!
      out[i * m + j] = s0 + s1 + s2 + s3
    }
  }
  return out
}
