import { SchedulerCore } from '@yap/asr-worker'
import { expect } from 'chai'
import fc from 'fast-check'
import { EventHeap } from '../../../support/event-heap.js'
import { SeededRandom } from '../../../support/seeded-random.js'

const CHUNK_MS = [80, 160, 560, 1120]

interface Speaker {
  lookAhead: number
  endsAtMs: number
  pending: number[]
  stepping: boolean
  stepped: number
}

interface Load {
  sessions: number
  arrivalsWithinMs: number
  speakMsMean: number
  stepMs: number
  rowsMax: number
  /** Cost of a step in ms. */
  costMs: (lookAhead: number, rows: number) => number
  /** Milliseconds that audio arrives late, so that chunks come in heaps. */
  burstMs?: number
  lookAheads?: number[]
  seed: number
}

interface Outcome {
  chunks: number
  steps: number
  waitMsMax: number
  waitMsMaxByLookAhead: number[]
  busyShare: number
  endedAtMs: number
  left: number
  /** Stepped chunks by session, of those that are still there at the end. */
  stepped: number[]
}

/** Real-time speakers on one engine, on a virtual clock. Stops at `untilMs` if given, else when all has been stepped. */
function simulate(load: Load, untilMs = Infinity): Outcome {
  type Event = { speaker: number; kind: 'chunk' } | { kind: 'done'; rows: number[] } | { kind: 'wake' }
  const random = new SeededRandom(load.seed)
  const events = new EventHeap<Event>()
  const core = new SchedulerCore({ stepMs: load.stepMs, rowsMax: CHUNK_MS.map(() => load.rowsMax) })
  const speakers: Speaker[] = []
  const lookAheads = load.lookAheads ?? [0, 1, 2, 3]
  const out: Outcome = {
    chunks: 0,
    steps: 0,
    waitMsMax: 0,
    waitMsMaxByLookAhead: [0, 0, 0, 0],
    busyShare: 0,
    endedAtMs: 0,
    left: 0,
    stepped: [],
  }
  const arrivesAtMs = (atMs: number) => (load.burstMs ? Math.ceil(atMs / load.burstMs) * load.burstMs : atMs)
  const nextChunk: number[] = []
  for (let i = 0; i < load.sessions; i++) {
    const lookAhead = lookAheads[random.below(lookAheads.length)]!
    const startMs = random.next() * load.arrivalsWithinMs
    const endsAtMs = startMs - Math.log(1 - random.next()) * load.speakMsMean
    speakers.push({ lookAhead, endsAtMs, pending: [], stepping: false, stepped: 0 })
    nextChunk.push(startMs + CHUNK_MS[lookAhead]!)
    events.push(arrivesAtMs(nextChunk[i]!), { kind: 'chunk', speaker: i })
  }
  let wakeAtMs = Infinity
  let busyMs = 0

  const due = (key: number, nowMs: number) => {
    const speaker = speakers[key]!
    if (speaker.stepping || speaker.pending.length === 0) return
    core.add(key, speaker.lookAhead, nowMs, speaker.pending.length > 1)
  }
  const turn = (nowMs: number) => {
    const decision = core.decide(nowMs)
    if (decision.kind === 'wait' && decision.untilMs < wakeAtMs) {
      wakeAtMs = decision.untilMs
      events.push(wakeAtMs, { kind: 'wake' })
    }
    if (decision.kind !== 'step') return
    if (decision.rows.length === 0 || decision.rows.length > load.rowsMax) throw new Error('a step of an illegal size')
    for (const key of decision.rows) {
      const speaker = speakers[key]!
      if (speaker.stepping || speaker.lookAhead !== decision.geometry) throw new Error('a row stepped out of order')
      speaker.stepping = true
      const waitMs = nowMs - speaker.pending.shift()!
      out.waitMsMax = Math.max(out.waitMsMax, waitMs)
      out.waitMsMaxByLookAhead[speaker.lookAhead] = Math.max(out.waitMsMaxByLookAhead[speaker.lookAhead]!, waitMs)
    }
    const costMs = load.costMs(decision.geometry, decision.rows.length)
    busyMs += costMs
    out.steps++
    events.push(nowMs + costMs, { kind: 'done', rows: decision.rows })
  }

  for (let next = events.pop(); next && next.atMs <= untilMs; next = events.pop()) {
    const nowMs = next.atMs
    out.endedAtMs = nowMs
    const event = next.event
    if (event.kind === 'chunk') {
      const speaker = speakers[event.speaker]!
      speaker.pending.push(nowMs)
      out.chunks++
      due(event.speaker, nowMs)
      nextChunk[event.speaker]! += CHUNK_MS[speaker.lookAhead]!
      if (nextChunk[event.speaker]! < speaker.endsAtMs) events.push(arrivesAtMs(nextChunk[event.speaker]!), event)
    } else if (event.kind === 'done') {
      core.stepDone()
      for (const key of event.rows) {
        speakers[key]!.stepping = false
        speakers[key]!.stepped++
        due(key, nowMs)
      }
    } else wakeAtMs = Infinity
    turn(nowMs)
  }
  out.busyShare = busyMs / out.endedAtMs
  out.left = speakers.reduce((sum, speaker) => sum + speaker.pending.length, 0)
  out.stepped = speakers.map((speaker) => speaker.stepped)
  return out
}

/** 3 ms a step and 0.5 ms a row and 80 ms of audio. */
const modelCostMs = (lookAhead: number, rows: number) => 3 + (0.5 * rows * CHUNK_MS[lookAhead]!) / 80

// Goal: nobody starves, nobody waits longer than they must, and a session's chunks are stepped in order.
// Method: simulated speakers on a virtual clock, an engine of known cost, all look-aheads mixed.
describe('the scheduler core', () => {
  it('serves ten thousand sessions over an hour, and none waits long while there is capacity', function () {
    this.timeout(60_000)
    const load = {
      sessions: 10_000,
      arrivalsWithinMs: 3_600_000,
      speakMsMean: 40_000,
      stepMs: 20,
      rowsMax: 128,
      seed: 1,
    }
    const out = simulate({ ...load, costMs: (lookAhead, rows) => 1.5 + (0.25 * rows * CHUNK_MS[lookAhead]!) / 80 })
    expect(out.left).to.equal(0)
    expect(out.chunks).to.be.greaterThan(1_500_000)
    expect(out.busyShare).to.be.within(0.4, 0.75)
    // What a chunk must bear: the rest of the tick, and one step of each geometry before its own.
    expect(out.waitMsMax).to.be.lessThan(160)
    expect(out.waitMsMaxByLookAhead[0]).to.be.lessThan(160)
  })

  it('steps at once when the engine is idle', () => {
    const core = new SchedulerCore({ stepMs: 20, rowsMax: [8] })
    core.add(7, 0, 1000, false)
    expect(core.decide(1000)).to.deep.equal({ kind: 'step', geometry: 0, rows: [7], waitedMsMax: 0 })
    expect(core.decide(1000)).to.deep.equal({ kind: 'busy' })
    core.stepDone()
    expect(core.decide(1005)).to.deep.equal({ kind: 'idle' })
  })

  it('lets a row wait for company for one tick after a step, but not one in a hurry, nor a full batch', () => {
    const core = new SchedulerCore({ stepMs: 20, rowsMax: [3, 3] })
    const step = (nowMs: number) => {
      const decision = core.decide(nowMs)
      if (decision.kind === 'step') core.stepDone()
      return decision
    }
    core.add(1, 0, 0, false)
    step(0)
    core.add(1, 0, 5, false)
    expect(step(5)).to.deep.equal({ kind: 'wait', untilMs: 20 })
    core.add(2, 1, 6, false)
    expect(step(6)).to.include({ kind: 'step', geometry: 1 })
    core.add(3, 0, 7, true)
    expect(step(7)).to.deep.equal({ kind: 'step', geometry: 0, rows: [1, 3], waitedMsMax: 2 })
    for (const row of [4, 5]) core.add(row, 0, 8, false)
    expect(step(8)).to.deep.equal({ kind: 'wait', untilMs: 27 })
    core.add(6, 0, 9, false)
    expect(step(9)).to.include({ kind: 'step', geometry: 0 })
  })

  it('takes the geometry whose head waits longest, so that no look-ahead starves another', () => {
    const overloaded = { sessions: 60, arrivalsWithinMs: 100, speakMsMean: 1e9, stepMs: 20, rowsMax: 16, seed: 3 }
    const out = simulate({ ...overloaded, costMs: (l, rows) => 4 * modelCostMs(l, rows) }, 60_000)
    expect(out.busyShare).to.be.greaterThan(0.99)
    expect(Math.min(...out.stepped)).to.be.greaterThan(10)
  })

  it('shares an overloaded engine evenly between sessions of one look-ahead', () => {
    const load = { sessions: 100, arrivalsWithinMs: 1000, speakMsMean: 1e9, stepMs: 20, rowsMax: 16, seed: 4 }
    const out = simulate({ ...load, lookAheads: [1], costMs: (l, rows) => 4 * modelCostMs(l, rows) }, 60_000)
    expect(Math.max(...out.stepped) - Math.min(...out.stepped)).to.be.lessThan(12)
  })

  it('forms full batches under load and lone steps without it', () => {
    const base = { arrivalsWithinMs: 1000, speakMsMean: 1e9, stepMs: 20, rowsMax: 64, lookAheads: [1], seed: 5 }
    const quiet = simulate({ ...base, sessions: 1, costMs: modelCostMs }, 60_000)
    expect(quiet.waitMsMax).to.equal(0)
    const busy = simulate({ ...base, sessions: 100, costMs: modelCostMs }, 60_000)
    expect(busy.chunks / busy.steps).to.be.greaterThan(8)
    expect(busy.waitMsMax).to.be.lessThan(60)
  })

  it('bears audio that comes in bursts', () => {
    const load = { sessions: 40, arrivalsWithinMs: 1000, speakMsMean: 30_000, stepMs: 20, rowsMax: 32, seed: 6 }
    const out = simulate({ ...load, burstMs: 2000, costMs: modelCostMs })
    expect(out.left).to.equal(0)
  })

  it('forgets a row that left, and keeps the order of the others', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 9 })), { maxLength: 100 }), (acts) => {
        const core = new SchedulerCore({ stepMs: 20, rowsMax: [4] })
        let expected: number[] = []
        for (const [add, row] of acts) {
          if (add) {
            core.add(row, 0, 0, false)
            if (!expected.includes(row)) expected.push(row)
          } else {
            core.remove(row)
            expected = expected.filter((other) => other !== row)
          }
          expect(core.waiting).to.equal(expected.length)
        }
        const taken: number[] = []
        for (let nowMs = 1000; core.waiting > 0; nowMs += 20) {
          const decision = core.decide(nowMs)
          if (decision.kind !== 'step') throw new Error(decision.kind)
          taken.push(...decision.rows)
          core.stepDone()
        }
        expect(taken).to.deep.equal(expected)
      }),
    )
  })

  it('does not grow when a queue never runs empty', () => {
    const core = new SchedulerCore({ stepMs: 0, rowsMax: [1] })
    core.add(0, 0, 0, false)
    for (let i = 1; i < 20_000; i++) {
      core.add(i, 0, i, false)
      const decision = core.decide(i)
      expect(decision.kind === 'step' && decision.rows[0]).to.equal(i - 1)
      core.stepDone()
    }
    expect(core.oldestSinceMs).to.equal(19_999)
  })
})
