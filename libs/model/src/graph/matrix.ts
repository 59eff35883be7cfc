/** Row-major float32 matrices, as far as compiling needs them. Sums run in double precision. */

/** [rows, cols] -> [cols, rows] */
export function transposed(m: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(m.length)
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = m[r * cols + c]!
  return out
}

export function scaled(m: Float32Array, factor: number): Float32Array {
  return m.map((v) => v * factor)
}

/** a [n, k] times the transpose of b [m, k] -> [n, m] */
export function timesTransposed(a: Float32Array, b: Float32Array, n: number, m: number, k: number): Float32Array {
  const out = new Float32Array(n * m)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0
      for (let x = 0, p = i * k, q = j * k; x < k; x++, p++, q++) sum += a[p]! * b[q]!
      out[i * m + j] = sum
    }
  }
  return out
}
