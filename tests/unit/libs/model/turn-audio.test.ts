/**
 * Goal: the windows of a turn follow NeMo's rules of chunks and of the end, whatever the pushes.
 * Method: counts against the rules (golden numbers of the chunks), and properties over random lengths and cuts.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { lookAheadOf, resolveLookAhead, TurnAudio, ModelError, type StepWindow } from '@yap/model'
import { chunkGeometry, parseLookAhead } from '@yap/protocol'

const LOOK_AHEADS = [0, 1, 6, 13].map((right) => lookAheadOf(70, right))

describe('the audio of a turn', () => {
  it('is ready for step k after 1280 (R + k (R+1)) + 200 samples, not one earlier', () => {
    for (const lookAhead of LOOK_AHEADS) {
      const audio = new TurnAudio(lookAhead)
      const out = new Int16Array(audio.windowSamples)
      for (let k = 0; k < 4; k++) {
        const needed = 1280 * (lookAhead.right + k * lookAhead.chunkFrames) + 200
        expect(audio.readyAtSamples).to.equal(needed)
        audio.push(new Int16Array(needed - audio.receivedSamples - 1))
        expect(audio.ready).to.equal(false)
        audio.push(new Int16Array(1))
        expect(audio.ready).to.equal(true)
        expect(audio.take(out).outputs).to.equal(lookAhead.chunkFrames)
      }
    }
  })

  it('has the chunks that an edge counts with, and the same aliases', () => {
    for (const lookAhead of LOOK_AHEADS) expect(lookAhead).to.include(chunkGeometry(lookAhead.right))
    const model = { lookAheads: LOOK_AHEADS, defaultLookAhead: '70,0' }
    for (const name of ['70,1', '[70, 13]', '70,16', '70,33']) {
      expect(resolveLookAhead(model, name).lookAhead.name).to.equal(parseLookAhead(name)?.name)
    }
  })

  it('shows a window where the samples are, and silence before the turn', () => {
    const audio = new TurnAudio(LOOK_AHEADS[0]!)
    audio.push(Int16Array.from({ length: 1480 }, (_, i) => i + 1))
    const out = new Int16Array(audio.windowSamples)
    audio.take(out)
    expect([...out.subarray(0, 1321)].every((v) => v === 0)).to.equal(true)
    expect([...out.subarray(1321)]).to.deep.equal(Array.from({ length: 200 }, (_, i) => i + 1))
    audio.take(out)
    // Step 1 begins 41 samples before the turn: 1280 (1 - 1) - 41.
    expect([...out.subarray(0, 42)]).to.deep.equal([...Array.from({ length: 41 }, () => 0), 1])
  })

  it('ends with a short chunk of eight mel frames or more, and drops fewer', () => {
    const [, oneAhead] = LOOK_AHEADS
    const endingWith = (samples: number) => windowsOf(oneAhead!, samples).at(-1)!
    // 1 + floor(n/160) mel frames: 9 in the first chunk, then 16 a chunk.
    expect(windowsOf(oneAhead!, 1).length).to.equal(1)
    expect(endingWith(1)).to.deep.equal({ lead: 7, samples: 1322, realFrames: 7, frames: 8, outputs: 1 })
    expect(windowsOf(oneAhead!, 1480 + 160 * 6).length, '7 frames are dropped').to.equal(1)
    expect(windowsOf(oneAhead!, 1480 + 160 * 7).length, '8 are stepped').to.equal(2)
    expect(endingWith(1480 + 160 * 7).outputs).to.equal(1)
  })

  it('gives the same windows however it was pushed, and a fork goes its own way', () => {
    const property = fc.property(
      fc.constantFrom(...LOOK_AHEADS),
      fc.integer({ min: 0, max: 60_000 }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 }),
      (lookAhead, samples, sizes) => {
        const pcm = Int16Array.from({ length: samples }, (_, i) => (i * 7919) % 30_011)
        const whole = drain(lookAhead, pcm, [Math.max(1, samples)])
        const cut = drain(lookAhead, pcm, sizes)
        expect(cut).to.deep.equal(whole)
      },
    )
    fc.assert(property, { numRuns: 60, seed: 3 })
  })

  it('leaves the turn alone when a fork of it ends', () => {
    const audio = new TurnAudio(LOOK_AHEADS[1]!)
    audio.push(new Int16Array(1000).fill(5))
    const fork = audio.fork()
    fork.push(new Int16Array(500))
    fork.end()
    expect([fork.ready, audio.ready, audio.receivedSamples, audio.ended]).to.deep.equal([true, false, 1000, false])
  })
})

describe('a look-ahead', () => {
  const model = { lookAheads: LOOK_AHEADS, defaultLookAhead: '70,13' }

  it('is found by its name, with or without brackets', () => {
    expect(resolveLookAhead(model, '[70, 1]').lookAhead.right).to.equal(1)
  })

  it('of 16 or 33 frames is taken as the 480 and 1040 ms that it means, with a warning', () => {
    expect(resolveLookAhead(model, '70,16').lookAhead.name).to.equal('70,6')
    const { lookAhead, warning } = resolveLookAhead(model, '70,33')
    expect(lookAhead.name).to.equal('70,13')
    expect(warning).to.match(/70,33 is taken as 70,13 \(1040 ms/)
  })

  it('that the model has not is refused with a list of those it has', () => {
    expect(() => resolveLookAhead(model, '70,2')).to.throw(
      ModelError,
      /"70,2" is not supported; this model has 70,0 \(0 ms\), 70,1/,
    )
  })
})

function windowsOf(lookAhead: (typeof LOOK_AHEADS)[number], samples: number): StepWindow[] {
  return drain(lookAhead, new Int16Array(samples), [Math.max(1, samples)]).map((step) => step.window)
}

function drain(lookAhead: (typeof LOOK_AHEADS)[number], pcm: Int16Array, sizes: readonly number[]) {
  const audio = new TurnAudio(lookAhead)
  const steps: { window: StepWindow; sum: number }[] = []
  const take = () => {
    while (audio.ready) {
      const out = new Int16Array(audio.windowSamples)
      const window = audio.take(out)
      steps.push({ window, sum: out.reduce((sum, v, i) => (sum * 31 + v * (i + 1)) % 1_000_000_007, 7) })
    }
  }
  for (let at = 0, i = 0; at < pcm.length; at += sizes[i % sizes.length]!, i++) {
    audio.push(pcm.subarray(at, at + sizes[i % sizes.length]!))
    take()
  }
  audio.end()
  take()
  return steps
}
