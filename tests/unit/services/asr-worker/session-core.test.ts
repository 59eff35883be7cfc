import { expect } from 'chai'
import fc from 'fast-check'
import { POISON } from '../../../support/fake-engine.js'
import { SeededRandom } from '../../../support/seeded-random.js'
import { CLOSE, essence, FINALIZE, REPLAY, SessionHarness, speech } from '../../../support/session-harness.js'

const SECOND = 16_000

// Goal: what a session hears is its audio, whole and in order, whatever the network did; results are numbered, repeated
// until acknowledged, and the same in every run.
// Method: the core with a fake engine that makes every wrong sample visible in the text, driven message by message.
describe('a session on the worker', () => {
  it('steps complete chunks as they come and answers finalize with a final', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: speech(0, 1480) })
    expect(session.results).to.have.length(1)
    expect(session.last).to.deep.include({ received: 1480, consumed: 1480, turn: 0, checkpoint: 0 })
    session.send({ offset: 1480, pcm: speech(1480, 2000) })
    expect(session.results).to.have.length(1)
    session.send({ offset: 3480, flags: FINALIZE })
    expect(session.finals).to.have.length(1)
    expect(session.finals[0]).to.include({ turn: 0, end: 3480, cause: 'finalize', index: 1 })
    expect(session.last).to.include({ turn: 1, received: 3480, consumed: 3480 })
    expect(session.finals[0]!.text.length).to.be.greaterThan(session.results[0]!.text.length)
  })

  it('begins each turn anew, so a turn says the same wherever it stands', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: speech(7, SECOND), flags: FINALIZE })
    session.send({ offset: SECOND, turn: 1, turnStart: SECOND, pcm: speech(7, SECOND), flags: FINALIZE })
    expect(session.finals.map((final) => final.text)).to.have.length(2)
    expect(session.finals[1]!.text).to.equal(session.finals[0]!.text)
    expect(session.finals.map((final) => final.turn)).to.deep.equal([0, 1])
  })

  it('answers finalize without new audio by an empty final, without a step', () => {
    const session = new SessionHarness()
    session.autoStep = false
    session.send({ offset: 0, flags: FINALIZE })
    session.send({ offset: 0, turn: 1, flags: FINALIZE })
    expect(session.finals.map(essence)).to.deep.equal([
      { index: 0, turn: 0, kind: 'final', text: '', end: 0, cause: 'finalize' },
      { index: 1, turn: 1, kind: 'final', text: '', end: 0, cause: 'finalize' },
    ])
  })

  it('takes a repeated finalize once', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: speech(0, SECOND) })
    for (let i = 0; i < 3; i++) session.send({ offset: SECOND, flags: FINALIZE })
    expect(session.finals).to.have.length(1)
  })

  it('closes: final, then released, and says so again when it is asked again', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: speech(0, SECOND), flags: CLOSE })
    expect(session.finals).to.have.length(1)
    expect(session.finals[0]!.cause).to.equal('close')
    expect(session.last.released).to.equal(true)
    expect(session.core.live).to.equal(false)
    const answer = session.send({ offset: SECOND, flags: CLOSE, ack: 0 })
    expect(answer!.released).to.equal(true)
    expect(answer!.results.at(-1)!.kind).to.equal('final')
    expect(session.core.due).to.equal('no')
  })

  it('asks for a gap, takes nothing behind it, and does not ask once a message', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: speech(0, 1480) })
    expect(session.send({ offset: 4040, pcm: speech(4040, 2560) })!.need).to.equal(1480)
    expect(session.send({ offset: 6600, pcm: speech(6600, 2560) })).to.equal(undefined)
    session.nowMs += 60
    expect(session.send({ offset: 6600, flags: FINALIZE })!.need).to.equal(1480)
    expect(session.last.received).to.equal(1480)
    expect(session.finals).to.have.length(0)
  })

  it('drops what another epoch says', () => {
    const session = new SessionHarness({ epoch: 4 })
    expect(session.send({ epoch: 3, offset: 0, pcm: speech(0, SECOND) })).to.equal(undefined)
    expect(session.send({ epoch: 4, offset: 0 })!.received).to.equal(0)
  })

  it('understands from the next turn that the finalize before it was lost', () => {
    const lossless = new SessionHarness()
    lossless.send({ offset: 0, pcm: speech(0, SECOND), flags: FINALIZE })
    lossless.send({ offset: SECOND, turn: 1, turnStart: SECOND, pcm: speech(SECOND, SECOND), flags: FINALIZE })
    const lossy = new SessionHarness()
    lossy.send({ offset: 0, pcm: speech(0, SECOND) })
    lossy.send({ offset: SECOND, turn: 1, turnStart: SECOND, pcm: speech(SECOND, SECOND), flags: FINALIZE })
    lossy.send({ offset: SECOND, flags: FINALIZE })
    expect(lossy.results.map(essence)).to.deep.equal(lossless.results.map(essence))
  })

  it('repeats results until they are acknowledged', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: speech(0, 1480) })
    expect(session.sweep(100)).to.equal(undefined)
    expect(session.sweep(101)!.results.map((result) => result.index)).to.deep.equal([0])
    expect(session.sweep(201)!.results.map((result) => result.index)).to.deep.equal([0])
    expect(session.send({ offset: 1480 })!.results).to.deep.equal([])
    expect(session.sweep(500)).to.equal(undefined)
  })

  it('keeps its checkpoint at the turn of the oldest result that was not acknowledged', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: speech(0, SECOND), flags: FINALIZE })
    session.send({ offset: SECOND, turn: 1, turnStart: SECOND, ack: 0 })
    expect(session.last.checkpoint).to.equal(0)
    session.send({ offset: SECOND, turn: 1, turnStart: SECOND })
    expect(session.last.checkpoint).to.equal(SECOND)
  })

  it('goes on from a checkpoint as if it had always been there', () => {
    const first = new SessionHarness()
    first.send({ offset: 0, pcm: speech(0, SECOND), flags: FINALIZE })
    first.send({ offset: SECOND, turn: 1, turnStart: SECOND, pcm: speech(SECOND, SECOND), flags: FINALIZE })
    const index = first.finals[0]!.index + 1
    const second = new SessionHarness({ epoch: 2, turn: 1, turnStart: SECOND, index })
    second.send({ epoch: 2, offset: SECOND, turn: 1, turnStart: SECOND, flags: REPLAY, pcm: speech(SECOND, SECOND) })
    second.send({ epoch: 2, offset: 2 * SECOND, turn: 1, turnStart: SECOND, flags: FINALIZE })
    expect(second.results.map(essence)).to.deep.equal(first.results.slice(index).map(essence))
  })

  it('ends alone, by name, when its numbers go bad', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, pcm: Int16Array.of(...speech(0, 1000), POISON, ...speech(1001, 600)) })
    expect(session.core.live).to.equal(false)
    expect(session.last.error).to.include({ code: 'internal' })
    expect(session.results).to.deep.equal([])
  })

  it('says that it lags, before anybody suspects it', () => {
    const session = new SessionHarness()
    session.autoStep = false
    session.send({ offset: 0, pcm: speech(0, 1480) })
    expect(session.sweep(200)).to.equal(undefined)
    expect(session.sweep(250)!.lagging).to.equal(true)
    expect(session.sweep(100)).to.equal(undefined)
    expect(session.sweep(350)!.lagging).to.equal(true)
    session.stepOne()
    expect(session.last.lagging).to.equal(undefined)
  })

  it('takes no more audio than its limit, and asks for the rest later', () => {
    const session = new SessionHarness()
    session.autoStep = false
    for (let i = 0; i < 8; i++) session.send({ offset: i * SECOND, pcm: speech(i * SECOND, SECOND) })
    expect(session.send({ offset: 8 * SECOND, pcm: speech(8 * SECOND, SECOND) })!.need).to.equal(8 * SECOND)
  })

  for (const interim of ['change', false] as const) {
    it(`sends no more interims than interim: ${interim} asks for, and still gives credit`, () => {
      const session = new SessionHarness({ interim })
      session.send({ offset: 0, pcm: speech(0, 1480) })
      session.send({ offset: 1480, pcm: new Int16Array(25_600) })
      expect(session.results).to.have.length(interim === false ? 0 : 1)
      expect(session.last.consumed).to.equal(27_080)
      session.send({ offset: 27_080, flags: FINALIZE })
      expect(session.finals).to.have.length(1)
    })
  }

  it('gives words with times where they were asked for', () => {
    const session = new SessionHarness({ words: true })
    session.send({ offset: 0, pcm: speech(0, SECOND), flags: FINALIZE })
    const { words, text } = session.finals[0]!
    expect(words!.map(([word]) => word).join(' ')).to.equal(text)
    expect(words!.every(([, startMs, endMs]) => startMs < endMs)).to.equal(true)
  })
})

// Goal: somebody who only stops talking sees their last words, and the turn's text does not depend on it.
// Method: messages that end inside a chunk, all look-aheads; the run without pauses is the oracle.
describe('an idle tail', () => {
  for (const right of [0, 1, 6, 13]) {
    it(`is shown from a copy and changes nothing, at look-ahead ${right}`, () => {
      const cuts = [700, 9000, 9001, 20_480, 30_000, 38_000]
      const paused = new SessionHarness({ right })
      const whole = new SessionHarness({ right })
      for (const [i, cut] of cuts.entries()) {
        const from = i === 0 ? 0 : cuts[i - 1]!
        paused.send({ offset: from, pcm: speech(from, cut - from) })
        // All audio before the cut is in the text of the copy: it is what the turn would say if it ended here.
        const ended = new SessionHarness({ right })
        ended.send({ offset: 0, pcm: speech(0, cut), flags: FINALIZE })
        if (paused.flushes.at(-1)?.end === cut) expect(paused.flushes.at(-1)!.text).to.equal(ended.finals[0]!.text)
        else expect((cut - 1280 * right - 200) % (1280 * (right + 1))).to.equal(0)
      }
      expect(paused.flushes.length).to.be.at.least(5)
      paused.send({ offset: 38_000, flags: FINALIZE })
      whole.send({ offset: 0, pcm: speech(0, 32_000) })
      whole.send({ offset: 32_000, pcm: speech(32_000, 6000), flags: FINALIZE })
      expect(paused.results.map(essence)).to.deep.equal(whole.results.map(essence))
    })
  }

  it('waits for whole chunks, is sent three times at most, and not after the next result', () => {
    const session = new SessionHarness()
    session.autoStep = false
    session.send({ offset: 0, pcm: speech(0, 1480 + 2560 + 100) })
    expect(session.core.due).to.equal('hurry')
    while (session.stepOne());
    expect(session.results).to.have.length(2)
    expect(session.flushes).to.have.length(1)
    expect(session.flushes[0]).to.include({ index: 2, kind: 'flush', end: 4140 })
    session.send({ offset: 4140 })
    for (let i = 0; i < 5; i++) session.sweep(250)
    expect(session.flushes).to.have.length(3)
    session.send({ offset: 4140, pcm: speech(4140, 2560 - 100) })
    session.stepOne()
    expect(session.results).to.have.length(3)
    session.sweep(1000)
    expect(session.flushes).to.have.length(3)
  })

  it('is not shown of a replay, nor of a turn that ended', () => {
    const session = new SessionHarness()
    session.send({ offset: 0, flags: REPLAY, pcm: speech(0, 3000) })
    session.send({ offset: 3000, flags: FINALIZE })
    expect(session.flushes).to.have.length(0)
  })

  it('gives way to a finalize that comes while its copy is stepped', () => {
    const session = new SessionHarness({ right: 0 })
    session.autoStep = false
    session.send({ offset: 0, pcm: speech(0, 1400) })
    session.stepOne()
    expect(session.core.due).to.equal('flush')
    session.stepOne()
    session.send({ offset: 1400, flags: FINALIZE })
    while (session.stepOne());
    expect(session.finals).to.have.length(1)
    expect(session.flushes).to.have.length(0)
  })
})

/** Audio with pauses in it: words of 80 to 800 ms, silences of 80 to 1000 ms. */
function talk(random: SeededRandom, samples: number): Int16Array {
  const pcm = new Int16Array(samples)
  for (let at = 0; at < samples;) {
    const count = 1280 + random.below(11_520)
    pcm.set(speech(at, Math.min(count, samples - at)), at)
    at += count + 1280 + random.below(14_720)
  }
  return pcm
}

interface Script {
  pcm: Int16Array
  /** Offsets of finalize, ascending; close is at the end of the audio. */
  ends: number[]
}

/**
 * Plays a script through a network that loses, repeats and reorders, until the session is released. The edge goes back to
 * what the worker has, and repeats each end of turn until a final covers it. It counts its own turns only.
 */
function play(session: SessionHarness, { pcm, ends }: Script, random: SeededRandom, faults: number): void {
  const closeAt = pcm.length
  const covered = (end: number) => session.finals.some((final) => final.end >= end)
  for (let round = 0; session.core.live; round++) {
    if (round > 5000) throw new Error(`no end in sight: ${JSON.stringify(session.last)}`)
    session.nowMs += 70
    session.autoStep = random.next() > faults
    const received = session.messages.at(-1)?.received ?? 0
    let burst: (() => void)[] = []
    let at = received
    for (let i = 0; i < 4; i++) {
      const turn = ends.filter((end) => end < at || (end === at && covered(end))).length
      const turnStart = ends[turn - 1] ?? 0
      const end = Math.min(at + random.below(6000), ends[turn] ?? closeAt, closeAt)
      const flags = end === ends[turn] ? FINALIZE : end === closeAt ? CLOSE : 0
      const message = { offset: at, turn, turnStart, flags, pcm: pcm.slice(at, end), ack: session.ack }
      burst.push(() => session.send(message))
      at = end
      if (flags !== 0) break
    }
    burst = burst.flatMap((send) => (random.next() < faults ? [] : random.next() < faults ? [send, send] : [send]))
    if (random.next() < faults) burst.reverse()
    for (const send of burst) send()
    while (random.next() > faults && session.stepOne());
    if (random.next() < 0.3) session.sweep(130)
  }
  session.autoStep = true
  session.send({ offset: closeAt, flags: CLOSE, ack: session.ack })
}

// Goal: the same results, numbers and ends for the same audio, whatever happened on the way.
// Method: random talks, random cuts into messages, random faults, random moments of stepping; a clean run is the oracle.
describe('a session on a bad network', () => {
  for (const [name, endpointMs] of [
    ['without endpoints', null],
    ['with endpoints', 320],
  ] as const) {
    it(`gives the results of a good one, ${name}`, function () {
      this.timeout(60_000)
      fc.assert(
        fc.property(fc.nat(), fc.constantFrom(0, 1, 6), (seed, right) => {
          const random = new SeededRandom(seed)
          const pcm = talk(random, 8000 + random.below(80_000))
          const ends = [...new Set([random.below(pcm.length), random.below(pcm.length)])].toSorted((a, b) => a - b)
          const script = { pcm, ends }
          const clean = new SessionHarness({ right, endpointMs })
          play(clean, script, new SeededRandom(seed + 1), 0)
          const faulty = new SessionHarness({ right, endpointMs })
          play(faulty, script, new SeededRandom(seed + 2), 0.3)
          expect(faulty.results.map(essence)).to.deep.equal(clean.results.map(essence))
          expect(clean.finals.at(-1)!.end).to.be.at.least(pcm.length)
          expect(clean.finals.map((final) => final.turn)).to.deep.equal(clean.finals.map((_, i) => i))
          if (endpointMs === null) expect(clean.finals.map((final) => final.end)).to.deep.equal([...ends, pcm.length])
        }),
        { numRuns: 150 },
      )
    })
  }

  it('ends turns by itself after a pause that follows words, and starts the next one there', () => {
    const pcm = new Int16Array(4 * SECOND)
    pcm.set(speech(0, SECOND / 2), SECOND)
    pcm.set(speech(9, SECOND / 2), 3 * SECOND)
    const session = new SessionHarness({ endpointMs: 480 })
    for (let at = 0; at < pcm.length; at += 800)
      session.send({ offset: at, flags: REPLAY, pcm: pcm.slice(at, at + 800) })
    expect(session.finals).to.have.length(1)
    const [first] = session.finals
    expect(first!.cause).to.equal('endpoint')
    expect(first!.end % 1280).to.equal(0)
    expect(first!.end).to.be.within(1.5 * SECOND + 7000, 1.5 * SECOND + 11_000)
    session.send({ offset: pcm.length, flags: FINALIZE })
    // The second turn heard its own samples from its own start, and no others.
    const alone = new SessionHarness({ turnStart: first!.end })
    alone.send({ offset: first!.end, turnStart: first!.end, pcm: pcm.slice(first!.end), flags: FINALIZE })
    expect(session.finals[1]!.text).to.equal(alone.finals[0]!.text)
  })
})
