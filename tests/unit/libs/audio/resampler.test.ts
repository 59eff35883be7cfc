import { AudioError, resample, Resampler, type Samples } from '@yap/audio'
import { expect } from 'chai'
import fc from 'fast-check'

const rates = [8000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]

describe('Resampler', () => {
  // Goal: what is heard below the lower Nyquist frequency comes through, what is above does not come back as an alias,
  // and the result depends on the samples alone.
  // Method: sines whose exact answer is known; random cuts against one push.

  for (const hz of rates) {
    it(`keeps a sine from ${hz} Hz within -80 dB of the ideal, in place`, () => {
      for (const toneHz of [0.1, 0.5, 0.87].map((part) => (part * Math.min(hz, 16_000)) / 2)) {
        const out = resample(sine(toneHz, hz, hz), hz)
        expect(out.length).to.equal(16_000)
        expect(errorDb(out, toneHz)).to.be.below(-80)
      }
    })
  }

  for (const hz of rates.filter((rate) => rate > 16_000)) {
    it(`leaves nothing of a tone above 8 kHz at ${hz} Hz`, () => {
      for (const toneHz of [8050, 9000, hz / 2 - 100].filter((tone) => tone > 8000)) {
        const out = resample(sine(toneHz, hz, hz), hz)
        // The edges are left out: a tone that starts at once is not a pure tone there.
        expect(levelDb(out.subarray(500, -500))).to.be.below(-80)
      }
    })
  }

  it('makes no images when it raises the rate', () => {
    const out = resample(sine(3000, 8000, 8000), 8000)
    expect(errorDb(out, 3000)).to.be.below(-80)
  })

  it('keeps silence silent and a constant constant', () => {
    for (const hz of rates) {
      expect(resample(new Int16Array(4000), hz).every((sample) => sample === 0)).to.equal(true)
      const flat = resample(new Int16Array(hz).fill(12_345), hz).subarray(500, -500)
      expect(flat.every((sample) => sample === 12_345)).to.equal(true)
    }
  })

  it('interpolates phases for odd ratios without a loss that could be heard', () => {
    const out = resample(sine(3500, 47_999, 47_999), 47_999)
    expect(out.length).to.equal(16_000)
    expect(errorDb(out, 3500)).to.be.below(-80)
  })

  it('gives the same samples however the input was cut, and again after a flush', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...rates, 16_000, 47_999),
        fc.boolean(),
        fc.array(fc.integer({ min: -32768, max: 32767 }), { maxLength: 3000 }),
        fc.array(fc.nat(700), { maxLength: 12 }),
        (hz, floats, values, cuts) => {
          const input = floats ? Float32Array.from(values, (value) => value / 32768) : Int16Array.from(values)
          const resampler = new Resampler(hz)
          const whole = [...resampler.push(input), ...resampler.flush()]
          expect(whole.length).to.equal(Math.ceil((input.length * 16_000) / hz))
          expect(inPieces(resampler, input, cuts)).to.deep.equal(whole)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('passes 16 kHz through bit for bit', () => {
    const input = Int16Array.of(-32768, -1, 0, 1, 32767)
    expect([...resample(input, 16_000)]).to.deep.equal([...input])
  })

  it('rounds and clamps floats at 16 kHz, and silences what is not a number', () => {
    const input = Float32Array.of(0.25, 1.5, -3, Number.NaN, Infinity)
    expect([...resample(input, 16_000)]).to.deep.equal([8192, 32767, -32768, 0, 0])
  })

  it('hears only silence in NaN, infinities and absurd floats, and recovers', () => {
    const input = new Float32Array(9600).fill(0.5)
    input.fill(Number.NaN, 1000, 1010)
    input[2000] = Infinity
    input[3000] = 3e38
    const out = resample(input, 48_000)
    expect(out.length).to.equal(3200)
    expect([...out.subarray(1200, 3000)].every((sample) => sample === 16_384)).to.equal(true)
  })

  it('clamps overshoot instead of wrapping round', () => {
    const square = Int16Array.from({ length: 4800 }, (_, i) => (i % 480 < 240 ? 32767 : -32768))
    const out = resample(square, 48_000)
    for (let i = 1; i < out.length; i++) if (Math.abs(out[i]!) > 32_000) expect(out[i]! * square[3 * i]!).to.be.above(0)
  })

  it('tells which input sample decides an output', () => {
    for (const hz of [...rates, 16_000]) {
      const resampler = new Resampler(hz)
      let given = 0
      for (let pushed = 1; pushed <= 1500; pushed++) {
        given += resampler.push(new Int16Array(1)).length
        expect(resampler.inputSamplesFor(given), `${hz} Hz, output ${given}`).to.be.at.most(pushed)
        expect(resampler.inputSamplesFor(given + 1), `${hz} Hz, output ${given + 1}`).to.be.above(pushed)
      }
      expect(resampler.inputSamplesFor(0)).to.equal(0)
      expect(resampler.inputPositionOf(16_000)).to.equal(hz)
    }
  })

  it('forgets the turn before at reset', () => {
    const resampler = new Resampler(44_100)
    const input = sine(440, 44_100, 2000)
    const fresh = [...resampler.push(input)]
    resampler.reset()
    expect([...resampler.push(input)]).to.deep.equal(fresh)
  })

  it('refuses rates that are no sample rates', () => {
    for (const hz of [0, -8000, 3999, 400_000, 16_000.5, Number.NaN])
      expect(() => new Resampler(hz)).to.throw(AudioError, `sample rate ${hz} Hz is not in 4000 to 384000`)
  })
})

const amplitude = 16_384

function sine(toneHz: number, hz: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (amplitude / 32768) * Math.sin((2 * Math.PI * toneHz * i) / hz))
}

/** Level of what differs from the ideal sine, against that sine, away from the edges. */
function errorDb(out: Int16Array, toneHz: number): number {
  const error = Array.from(out, (sample, i) => sample - amplitude * Math.sin((2 * Math.PI * toneHz * i) / 16_000))
  return levelDb(error.slice(500, -500))
}

function levelDb(samples: ArrayLike<number>): number {
  let power = 0
  for (let i = 0; i < samples.length; i++) power += samples[i]! ** 2
  return 10 * Math.log10(power / samples.length / (amplitude ** 2 / 2) + 1e-20)
}

function inPieces(resampler: Resampler, input: Samples, cuts: number[]): number[] {
  const out: number[] = []
  let at = 0
  for (const length of [...cuts, input.length]) out.push(...resampler.push(input.subarray(at, (at += length))))
  out.push(...resampler.flush())
  return out
}
