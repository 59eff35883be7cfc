/**
 * Bytes from a wire to samples, for the encodings that clients may send.
 *
 * A frame may split a sample; the decoder carries its first bytes to the next push. So the samples depend on the bytes
 * alone, never on how they were cut into frames.
 */
import { aLawToPcm, muLawToPcm } from './companding.js'

export type PcmEncoding = 'pcm_s16le' | 'pcm_f32le' | 'mulaw' | 'alaw'

export const pcmEncodings: readonly PcmEncoding[] = ['pcm_s16le', 'pcm_f32le', 'mulaw', 'alaw']

/** Bytes of one sample. */
export const sampleBytes: Readonly<Record<PcmEncoding, number>> = { pcm_s16le: 2, pcm_f32le: 4, mulaw: 1, alaw: 1 }

/** Samples: 16-bit integers, or floats with full scale at +-1. */
export type Samples = Int16Array | Float32Array

export interface PcmDecoder {
  readonly encoding: PcmEncoding
  /** Bytes of a started sample, held until the rest of it comes: 0 to 3. Not 0 at the end of audio: half a sample is lost. */
  readonly pendingBytes: number
  /** The samples that are whole now. A copy: the caller's bytes may be used again. Floats come as they are, NaN included. */
  push(bytes: Uint8Array): Samples
  /** Forgets a started sample. */
  reset(): void
}

export function createPcmDecoder(encoding: PcmEncoding): PcmDecoder {
  switch (encoding) {
    case 'pcm_s16le':
      return new LinearDecoder(encoding, (bytes) => new Int16Array(bytes))
    case 'pcm_f32le':
      return new LinearDecoder(encoding, (bytes) => new Float32Array(bytes))
    case 'mulaw':
      return new TableDecoder(encoding, muLawToPcm)
    case 'alaw':
      return new TableDecoder(encoding, aLawToPcm)
    default:
      throw new TypeError(`encoding ${String(encoding satisfies never)} is none of ${pcmEncodings.join(', ')}`)
  }
}

class TableDecoder implements PcmDecoder {
  readonly encoding: PcmEncoding
  readonly pendingBytes = 0
  readonly #table: Int16Array

  constructor(encoding: PcmEncoding, table: Int16Array) {
    this.encoding = encoding
    this.#table = table
  }

  push(bytes: Uint8Array): Int16Array {
    const samples = new Int16Array(bytes.length)
    for (let i = 0; i < bytes.length; i++) samples[i] = this.#table[bytes[i]!]!
    return samples
  }

  reset(): void {}
}

class LinearDecoder implements PcmDecoder {
  readonly encoding: PcmEncoding
  readonly #sampleBytes: number
  readonly #view: (bytes: ArrayBuffer) => Samples
  readonly #carry = new Uint8Array(4)
  /** Bytes of #carry in use; always less than #sampleBytes. */
  #carried = 0

  constructor(encoding: PcmEncoding, view: (bytes: ArrayBuffer) => Samples) {
    this.encoding = encoding
    this.#sampleBytes = sampleBytes[encoding]
    this.#view = view
  }

  get pendingBytes(): number {
    return this.#carried
  }

  push(bytes: Uint8Array): Samples {
    const total = this.#carried + bytes.length
    const whole = total - (total % this.#sampleBytes)
    if (whole === 0) {
      this.#carry.set(bytes, this.#carried)
      this.#carried = total
      return this.#view(new ArrayBuffer(0))
    }
    // A fresh buffer is aligned, which the bytes of a socket are not.
    const aligned = new Uint8Array(whole)
    aligned.set(this.#carry.subarray(0, this.#carried))
    const taken = whole - this.#carried
    aligned.set(bytes.subarray(0, taken), this.#carried)
    this.#carry.set(bytes.subarray(taken))
    this.#carried = total - whole
    toHostOrder(aligned, this.#sampleBytes)
    return this.#view(aligned.buffer)
  }

  reset(): void {
    this.#carried = 0
  }
}

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Typed arrays read in the host's byte order; the wire is little-endian. */
function toHostOrder(bytes: Uint8Array, width: number): void {
  if (hostIsLittleEndian) return
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse()
}

/** Float samples (full scale +-1) as 16-bit ones: rounded, clamped; what is not a number is silence. */
export function toInt16(samples: Samples): Int16Array {
  if (samples instanceof Int16Array) return samples
  const pcm = new Int16Array(samples.length)
  for (let i = 0; i < samples.length; i++) pcm[i] = clampInt16(finite(samples[i]!) * 32768)
  return pcm
}

/** Nearest 16-bit integer. */
export function clampInt16(value: number): number {
  return value >= 32767 ? 32767 : value <= -32768 ? -32768 : Math.round(value)
}

/** 0 for NaN and the infinities: one such sample would spoil every number that the model computes after it. */
export function finite(value: number): number {
  return Number.isFinite(value) ? value : 0
}
