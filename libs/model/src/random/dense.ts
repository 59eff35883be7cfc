/** The little linear algebra that calibration needs, in plain loops over row-major arrays. */

/** rows of `x` [n, from] times `weights` [to, from], plus `bias`: [n, to]. */
export function linear(x: Float32Array, from: number, weights: Float32Array, bias?: Float32Array): Float32Array {
  const n = x.length / from
  const to = weights.length / from
  const out = new Float32Array(n * to)
  for (let r = 0; r < n; r++) {
    const row = r * from
    for (let t = 0; t < to; t++) out[r * to + t] = (bias?.[t] ?? 0) + dot(x, row, weights, t * from, from)
  }
  return out
}

/** Four sums at a time: the processor need not wait for one addition before the next. */
function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  const whole = length - (length % 4)
  for (let i = 0; i < whole; i += 4) {
    s0 += a[atA + i]! * b[atB + i]!
    s1 += a[atA + i + 1]! * b[atB + i + 1]!
    s2 += a[atA + i + 2]! * b[atB + i + 2]!
    s3 += a[atA + i + 3]! * b[atB + i + 3]!
  }
  for (let i = whole; i < length; i++) s0 += a[atA + i]! * b[atB + i]!
  return s0 + s1 + s2 + s3
}

/** Mean of each column of [n, width]. */
export function columnMeans(x: Float32Array, width: number): Float32Array {
  const n = x.length / width
  const out = new Float32Array(width)
  for (let i = 0; i < x.length; i++) out[i % width]! += x[i]! / n
  return out
}

/** Deviation of all values around their columns' means. */
export function deviation(x: Float32Array, means: Float32Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += (x[i]! - means[i % means.length]!) ** 2
  return Math.sqrt(sum / x.length)
}

export function argMax(x: Float32Array): number {
  let best = 0
  for (let i = 1; i < x.length; i++) if (x[i]! > x[best]!) best = i
  return best
}
