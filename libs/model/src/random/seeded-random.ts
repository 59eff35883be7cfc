/**
 * Random numbers that are the same for the same seed on every machine: xoshiro128**, seeded by splitmix32.
 * A stream is named, so what one tensor gets does not depend on which tensors were drawn before it.
 */
export class SeededRandom {
  readonly #state = new Uint32Array(4)
  #spare: number | undefined

  constructor(seed: number, stream = '') {
    let x = fnv1a(`${seed}/${stream}`)
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) | 0
      let z = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      this.#state[i] = z ^ (z >>> 15)
    }
  }

  uint32(): number {
    const s = this.#state
    const s1 = s[1]!
    const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9)
    s[2]! ^= s[0]!
    s[3]! ^= s1
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= s1 << 9
    s[3] = rotateLeft(s[3]!, 11)
    return scrambled >>> 0
  }

  /** In [0, 1). */
  uniform(): number {
    return this.uint32() / 2 ** 32
  }

  /** Of 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.uniform() * count)
  }

  /** Mean 0, deviation 1 (Box-Muller, which gives them in pairs). */
  normal(): number {
    const spare = this.#spare
    if (spare !== undefined) {
      this.#spare = undefined
      return spare
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    const angle = 2 * Math.PI * this.uniform()
    this.#spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  normals(count: number, deviation = 1, mean = 0): Float32Array {
    const out = new Float32Array(count)
    for (let i = 0; i < count; i++) out[i] = this.normal() * deviation + mean
    return out
  }
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits))
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash | 0
}
