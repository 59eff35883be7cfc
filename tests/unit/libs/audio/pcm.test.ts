import { createPcmDecoder, pcmEncodings, toInt16, type PcmEncoding, type Samples } from '@yap/audio'
import { expect } from 'chai'
import fc from 'fast-check'

describe('PCM decoder', () => {
  // Goal: samples are what the bytes say, for every encoding and every way of cutting the bytes.
  // Method: hand-made bytes with known samples (G.711's own reference points), then any bytes cut at random.

  it('reads 16-bit little-endian samples', () => {
    const decoder = createPcmDecoder('pcm_s16le')
    expect([...decoder.push(Uint8Array.of(0x01, 0x00, 0xff, 0x7f, 0x00, 0x80, 0xff, 0xff))]).to.deep.equal([
      1, 32767, -32768, -1,
    ])
  })

  it('reads 32-bit floats', () => {
    const bytes = new Uint8Array(Float32Array.of(0.5, -1, Number.NaN).buffer)
    expect([...createPcmDecoder('pcm_f32le').push(bytes)]).to.deep.equal([0.5, -1, Number.NaN])
  })

  it('expands mu-law at the reference points of G.711', () => {
    const samples = createPcmDecoder('mulaw').push(Uint8Array.of(0xff, 0x7f, 0x80, 0x00, 0xfe, 0xef))
    expect([...samples]).to.deep.equal([0, 0, 32124, -32124, 8, 132])
  })

  it('expands A-law at the reference points of G.711', () => {
    const samples = createPcmDecoder('alaw').push(Uint8Array.of(0xd5, 0x55, 0xaa, 0x2a, 0xc5))
    expect([...samples]).to.deep.equal([8, -8, 32256, -32256, 264])
  })

  it('expands both laws in strict order of loudness, without gaps in the table', () => {
    for (const encoding of ['mulaw', 'alaw'] as const) {
      const all = [...createPcmDecoder(encoding).push(Uint8Array.from({ length: 256 }, (_, byte) => byte))]
      // Mu-law has two zeros, A-law none.
      expect(new Set(all).size, encoding).to.equal(encoding === 'mulaw' ? 255 : 256)
      for (const sample of all) expect(all.includes(-sample)).to.equal(true)
    }
  })

  it('carries a split sample and counts its bytes', () => {
    const decoder = createPcmDecoder('pcm_f32le')
    const bytes = new Uint8Array(Float32Array.of(0.25, -0.125).buffer)
    const lengths = [...bytes].map((_, i) => [decoder.push(bytes.subarray(i, i + 1)).length, decoder.pendingBytes])
    expect(lengths).to.deep.equal([0, 0, 0, 1, 0, 0, 0, 1].map((whole, i) => [whole, (i + 1) % 4]))
    decoder.push(bytes.subarray(0, 3))
    decoder.reset()
    expect(decoder.pendingBytes).to.equal(0)
    expect([...decoder.push(bytes)]).to.deep.equal([0.25, -0.125])
  })

  it('gives the same samples however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<PcmEncoding>(...pcmEncodings),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat(9), { maxLength: 100 }),
        (encoding, bytes, cuts) => {
          const whole = createPcmDecoder(encoding)
          const expected = bytesOf([whole.push(bytes)])
          const decoder = createPcmDecoder(encoding)
          const parts: Samples[] = []
          let at = 0
          for (const length of cuts) parts.push(decoder.push(bytes.subarray(at, (at += length))))
          parts.push(decoder.push(bytes.subarray(at)))
          expect(bytesOf(parts)).to.deep.equal(expected)
          expect(decoder.pendingBytes).to.equal(whole.pendingBytes)
        },
      ),
    )
  })

  it('does not keep the caller’s bytes', () => {
    const bytes = Uint8Array.of(1, 0, 2, 0)
    const samples = createPcmDecoder('pcm_s16le').push(bytes)
    bytes.fill(9)
    expect([...samples]).to.deep.equal([1, 2])
  })
})

describe('toInt16', () => {
  // Goal: floats become the nearest 16-bit sample; what is not a number becomes silence.
  it('rounds, clamps and silences', () => {
    const floats = Float32Array.of(0, 0.5, -1, 1, 2, -2, 1.6 / 32768, Number.NaN, Infinity, -Infinity)
    expect([...toInt16(floats)]).to.deep.equal([0, 16384, -32768, 32767, 32767, -32768, 2, 0, 0, 0])
  })
})

function bytesOf(parts: Samples[]): number[] {
  return parts.flatMap((samples) => [...new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)])
}
