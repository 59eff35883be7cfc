import { AudioError, encodeWav, readWav, type AudioErrorCode } from '@yap/audio'
import { expect } from 'chai'
import fc from 'fast-check'
import { wavBytes, type WavParts } from '../../../support/wav-bytes.js'

describe('readWav', () => {
  // Goal: every sample format, header shape and channel count that recorders write is read right; what is not a whole
  // WAV file is refused in one line that says why.
  // Method: headers and samples written by hand, field by field.

  const formats: readonly [string, WavParts, number[]][] = [
    ['u8', { tag: 1, bits: 8, data: [0, 128, 255] }, [-32768, 0, 32512]],
    ['s16', { tag: 1, bits: 16, data: [0x00, 0x80, 0xff, 0x7f, 0x34, 0x12] }, [-32768, 32767, 0x1234]],
    ['s24', { tag: 1, bits: 24, data: [0x00, 0x00, 0x80, 0x00, 0x00, 0x40] }, [-1, 0.5]],
    ['s32', { tag: 1, bits: 32, data: [0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x20] }, [-1, 0.25]],
    ['f32', { tag: 3, bits: 32, data: [...new Uint8Array(Float32Array.of(0.5, -0.25).buffer)] }, [0.5, -0.25]],
    ['f64', { tag: 3, bits: 64, data: [...new Uint8Array(Float64Array.of(0.5, -0.25).buffer)] }, [0.5, -0.25]],
    ['alaw', { tag: 6, bits: 8, data: [0xd5, 0x2a] }, [8, -32256]],
    ['mulaw', { tag: 7, bits: 8, data: [0xff, 0x00] }, [0, -32124]],
  ]
  for (const [name, parts, samples] of formats) {
    it(`reads ${name}`, () => {
      const wav = readWav(wavBytes(parts))
      expect(wav.sampleFormat).to.equal(name)
      expect([...wav.samples]).to.deep.equal(samples)
    })

    it(`reads ${name} behind WAVE_FORMAT_EXTENSIBLE`, () => {
      expect([...readWav(wavBytes({ ...parts, extensible: true })).samples]).to.deep.equal(samples)
    })
  }

  it('takes 20 bits in 3 bytes as the upper bits of 24', () => {
    const wav = readWav(wavBytes({ tag: 1, bits: 20, sampleBytes: 3, data: [0x00, 0x00, 0x40] }))
    expect([...wav.samples]).to.deep.equal([0.5])
  })

  it('mixes channels to their mean', () => {
    const wav = readWav(
      wavBytes({ tag: 1, bits: 16, channels: 2, data: [0x00, 0x40, 0x00, 0x20, 0x00, 0xc0, 0x00, 0x40] }),
    )
    expect(wav.channels).to.equal(2)
    expect([...wav.samples]).to.deep.equal([0.375, 0])
  })

  it('tells rate and length', () => {
    const wav = readWav(wavBytes({ tag: 1, bits: 16, hz: 8000, data: Array<number>(8000).fill(0) }))
    expect(wav.sampleRateHz).to.equal(8000)
    expect(wav.durationMs).to.equal(500)
  })

  it('skips other chunks, odd lengths padded', () => {
    const wav = readWav(
      wavBytes({ data: [1, 0, 2, 0], before: [['LIST', [1, 2, 3]]], after: [['id3 ', [9, 9, 9, 9]]] }),
    )
    expect([...wav.samples]).to.deep.equal([1, 2])
  })

  for (const size of [0xffff_ffff, 0x7fff_f000, 0x8000_0000]) {
    it(`reads to the end what was written to a pipe (data size ${size.toString(16)})`, () => {
      expect([
        ...readWav(wavBytes({ data: [1, 0, 2, 0], dataSize: size, riffSize: 0xffff_ffff })).samples,
      ]).to.deep.equal([1, 2])
    })
  }

  it('reads to the end what was never finished (all sizes 0)', () => {
    expect([...readWav(wavBytes({ data: [1, 0, 2, 0], dataSize: 0, riffSize: 0 })).samples]).to.deep.equal([1, 2])
  })

  it('reads RF64, whose size is in its ds64 chunk', () => {
    const ds64 = new Uint8Array(28)
    new DataView(ds64.buffer).setBigUint64(8, 4n, true)
    const bytes = wavBytes({
      magic: 'RF64',
      data: [1, 0, 2, 0],
      dataSize: 0xffff_ffff,
      riffSize: 0xffff_ffff,
      before: [['ds64', [...ds64]]],
      after: [['junk', [7, 7]]],
    })
    expect([...readWav(bytes).samples]).to.deep.equal([1, 2])
  })

  it('leaves out half a sample at the end', () => {
    expect([...readWav(wavBytes({ data: [1, 0, 2] })).samples]).to.deep.equal([1])
  })

  const bad: readonly [string, Uint8Array, AudioErrorCode, string][] = [
    ['an empty file', new Uint8Array(0), 'not_audio', 'x.wav is not a WAV file: it is empty'],
    [
      'a text file',
      new TextEncoder().encode('hello, this is text'),
      'not_audio',
      'x.wav is not a WAV file: it starts with "hello, this "',
    ],
    ['no samples', wavBytes({ data: [] }), 'empty', 'x.wav has no audio in it (0 samples)'],
    [
      'an unknown format',
      wavBytes({ tag: 0x11, bits: 4, sampleBytes: 1, data: [1, 2] }),
      'unsupported',
      'x.wav: WAV format 0x0011 (IMA ADPCM) with 4 bits a sample is not read; PCM of 8 to 32 bits, floats, mu-law and A-law are',
    ],
    ['no channels', wavBytes({ channels: 0, data: [1, 2] }), 'unsupported', 'x.wav has 0 channels; 1 to 64 are read'],
    [
      'a file cut off in its audio',
      wavBytes({ data: Array<number>(100).fill(1) }).subarray(0, 80),
      'truncated',
      'x.wav is cut off: 100 bytes of audio promised, 36 there',
    ],
    [
      'a file cut off in its header',
      wavBytes({ data: [1, 0] }).subarray(0, 20),
      'truncated',
      'x.wav: its "fmt " chunk has 0 of 16 bytes',
    ],
    [
      'a file without data',
      wavBytes({ data: [1, 0] }).subarray(0, 36),
      'truncated',
      'x.wav: the WAV file ends before its audio begins (no "data" chunk)',
    ],
  ]
  for (const [what, bytes, code, message] of bad) {
    it(`refuses ${what}`, () => {
      expect(() => readWav(bytes, 'x.wav'))
        .to.throw(AudioError, message)
        .with.property('code', code)
    })
  }

  it('answers every damaged header with an AudioError or samples, never with another error', () => {
    const whole = wavBytes({ data: [1, 0, 2, 0, 3, 0], before: [['LIST', [1, 2, 3, 4]]] })
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
        const damaged = whole.slice(0, length)
        if (at < damaged.length) damaged[at] = value
        try {
          readWav(damaged)
        } catch (error) {
          expect(error).to.be.instanceOf(AudioError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('encodeWav', () => {
  // Goal: what is written is read back the same.
  it('writes what readWav reads', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 1 }), (values) => {
        const wav = readWav(encodeWav(Int16Array.from(values), 22_050))
        expect(wav).to.include({ sampleRateHz: 22_050, channels: 1, sampleFormat: 's16' })
        expect([...wav.samples]).to.deep.equal(values)
      }),
    )
  })
})
