import { expect } from 'chai'
import fc from 'fast-check'
import { webModule } from './web-module.js'

interface Resampler {
  push(input: Float32Array): Float32Array
  end(): Float32Array
}
const { Resampler, toPcm16 } = await webModule<{
  Resampler: new (inputHz: number) => Resampler
  toPcm16(samples: Float32Array): Int16Array
}>('resampler.js')

const OUTPUT_HZ = 16_000
const RATES_HZ = [8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]

describe('the resampler of the web page', () => {
  // Goal: a microphone of any rate is heard as one of 16 kHz, and nothing above 8 kHz folds back into speech.
  // Method: tones, whose answer is known exactly; the first and last 10 ms, where the filter fills and empties, left out.
  for (const inputHz of RATES_HZ) {
    it(`brings a tone of 1 kHz from ${inputHz} Hz in the right place, to 60 dB`, () => {
      const output = resample(inputHz, tone(1000, inputHz, 0.5))
      const expected = tone(1000, OUTPUT_HZ, 0.5)
      expect(output.length).to.be.within(expected.length, expected.length + 1)
      expect(levelDb(inner(difference(output, expected)))).to.be.below(-60)
    })
  }

  for (const [toneHz, inputHz] of [
    [9000, 44_100],
    [12_000, 48_000],
    [30_000, 96_000],
  ] as const) {
    it(`takes a tone of ${toneHz} Hz at ${inputHz} Hz away, to 70 dB`, () => {
      expect(levelDb(inner(resample(inputHz, tone(toneHz, inputHz, 0.5))))).to.be.below(-70)
    })
  }

  it('gives the same samples however the input is cut', () => {
    const input = tone(440, 44_100, 0.05)
    const whole = resample(44_100, input)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 }), (lengths) => {
        const resampler = new Resampler(44_100)
        const pieces: number[] = []
        let from = 0
        for (const length of [...lengths, input.length]) {
          pieces.push(...resampler.push(input.slice(from, from + length)))
          from += length
        }
        pieces.push(...resampler.end())
        expect(pieces).to.deep.equal([...whole])
      }),
    )
  })

  it('refuses a rate that no microphone has', () => {
    expect(() => new Resampler(7999)).to.throw('7999 Hz, 8000 is the least')
  })

  it('clips what is too loud for PCM16', () => {
    expect([...toPcm16(Float32Array.of(-2, -1, 0, 0.5, 1, 2))]).to.deep.equal([-32768, -32768, 0, 16384, 32767, 32767])
  })
})

function resample(inputHz: number, input: Float32Array): Float32Array {
  const resampler = new Resampler(inputHz)
  return Float32Array.of(...resampler.push(input), ...resampler.end())
}

function tone(toneHz: number, rateHz: number, seconds: number): Float32Array {
  return Float32Array.from({ length: seconds * rateHz }, (_, i) => 0.5 * Math.sin((2 * Math.PI * toneHz * i) / rateHz))
}

function difference(a: Float32Array, b: Float32Array): Float32Array {
  return b.map((value, i) => value - (a[i] ?? 0))
}

function inner(samples: Float32Array): Float32Array {
  return samples.slice(OUTPUT_HZ / 100, -OUTPUT_HZ / 100)
}

/** Level below a full-scale square wave. */
function levelDb(samples: Float32Array): number {
  return 10 * Math.log10(samples.reduce((sum, value) => sum + value * value, 0) / samples.length)
}
