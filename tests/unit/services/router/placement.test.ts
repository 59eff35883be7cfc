import { expect } from 'chai'
import fc from 'fast-check'
import { asId, LIMITS, type Heartbeat } from '@yap/protocol'
import { PendingLoads, place, type PlacementRequest } from '@yap/router'
import type { KnownWorker, WorkerLife } from '@yap/runtime'
import { heartbeat, testModel } from '../../../support/heartbeats.js'
import { SeededRandom } from '../../../support/seeded-random.js'

const nothingPending = () => ({ busyShare: 0, sessions: 0 })
const request = (over: Partial<PlacementRequest> = {}): PlacementRequest => ({
  zone: '',
  lookAhead: '70,1',
  decoder: 'rnnt',
  model: '',
  modelHash: '',
  failover: false,
  exclude: [],
  ...over,
})
const known = (name: string, over: Partial<Heartbeat> = {}, life: WorkerLife = 'up'): KnownWorker => ({
  beat: heartbeat({ worker: asId(name), ...over }),
  heardAtMs: 0,
  life,
})
const placeIn = (workers: KnownWorker[], over: Partial<PlacementRequest> = {}, random = Math.random) =>
  place(workers, request(over), nothingPending, random)

const seededRandom = (seed: number) => {
  const seeded = new SeededRandom(seed)
  return () => seeded.next()
}

describe('placement', () => {
  // Goal: sessions go where there is room, refusals say why, and one worker of the fleet may always die.
  // Method: the pure function with tables made by hand, and random fleets.

  it('refuses with capacity when nobody is there', () => {
    expect(placeIn([])).to.deep.equal({ error: 'capacity', message: 'no worker is up' })
    for (const life of ['suspect', 'draining'] as const)
      expect(placeIn([known('w1', {}, life)])).to.include({ error: 'capacity' })
  })

  it('takes the lighter of two, and names the other as the standby', () => {
    const two = [known('w1', { busyShare: 0.3 }), known('w2', { busyShare: 0.1 })]
    for (let i = 0; i < 20; i++)
      expect(placeIn(two)).to.include({ worker: 'w2', standby: 'w1', lookAhead: '70,1', modelHash: 'hash1' })
  })

  it('keeps to the zone of the edge while that has room', () => {
    const far = known('far', { zone: 'b' })
    expect(placeIn([known('near', { zone: 'a', busyShare: 0.5 }), far], { zone: 'a' })).to.include({
      worker: 'near',
      standby: 'far',
    })
    expect(placeIn([known('near', { zone: 'a', busyShare: 0.79, sessions: 3 }), far], { zone: 'a' })).to.include({
      worker: 'far',
    })
  })

  it('admits new sessions below 0.8 of a worker, and lets moving ones use the rest', () => {
    const one = [known('w1', { busyShare: 0.78, sessions: 3 })]
    expect(placeIn(one)).to.deep.equal({ error: 'capacity', message: 'the worker is full' })
    expect(placeIn(one, { failover: true })).to.include({ worker: 'w1' })
    expect(placeIn([known('w1', { busyShare: 0.97, sessions: 3 })], { failover: true })).to.include({
      error: 'capacity',
    })
  })

  it('gives a worker that serves nobody its first session, however slow it is', () => {
    const slow = { busySharePerSession: { '70,1': 1.7 } }
    expect(placeIn([known('w1', slow)])).to.include({ worker: 'w1' })
    expect(placeIn([known('w1', { ...slow, sessions: 1 })])).to.include({ error: 'capacity' })
  })

  it('keeps (n-1)/n of the fleet, so that one of two may die', () => {
    const two = [known('w1', { busyShare: 0.5 }), known('w2', { busyShare: 0.47 })]
    expect(placeIn(two))
      .to.include({ error: 'capacity' })
      .and.have.property('message')
      .that.matches(/one of them must be able to die/)
    expect(placeIn(two, { failover: true })).to.include({ worker: 'w2' })
  })

  it('never gives out a slot that is not there', () => {
    expect(placeIn([known('w1', { slots: 4, sessions: 4 })], { failover: true })).to.include({ error: 'capacity' })
  })

  it('lists what is offered where something is not', () => {
    const one = [known('w1')]
    expect(placeIn(one, { lookAhead: '70,3' })).to.deep.equal({
      error: 'unsupported',
      message: 'att_ctx "70,3" is not supported: 70,0; 70,1; 70,6; 70,13 are',
    })
    expect(placeIn(one, { decoder: 'lstm' })).to.include({ error: 'unsupported' })
    expect(placeIn(one, { model: 'whale' })).to.include({
      error: 'unsupported',
      message: 'model "whale" is not supported: demo-digits-en are',
    })
    expect(placeIn(one, { modelHash: 'other' })).to.include({ error: 'capacity' })
  })

  it('finds a model by the end of its name, and uses its own default look-ahead where none was asked', () => {
    const one = [known('w1', { model: testModel({ name: 'nvidia/stt_en', defaultLookAhead: '70,6' }) })]
    expect(placeIn(one, { model: 'stt_en', lookAhead: '' })).to.include({ model: 'nvidia/stt_en', lookAhead: '70,6' })
  })

  it('does not offer a standby with another model, nor one that was excluded', () => {
    const workers = [known('w1'), known('w2', { model: testModel({ hash: 'hash2' }) }), known('w3')]
    expect(placeIn(workers, { modelHash: 'hash1', exclude: ['w3'] })).to.include({ worker: 'w1', standby: undefined })
  })

  it('spreads a burst between two heartbeats over the fleet', () => {
    const pending = new PendingLoads()
    const workers = ['w1', 'w2', 'w3', 'w4'].map((name) => known(name, { slots: 100 }))
    const random = seededRandom(7)
    const counts = new Map<string, number>()
    for (let i = 0; i < 40; i++) {
      const answer = place(workers, request({ lookAhead: '70,13' }), (w) => pending.of(w, 0), random)
      if ('error' in answer) throw new Error(answer.message)
      pending.add(answer.worker, 0.01, 0)
      counts.set(answer.worker, (counts.get(answer.worker) ?? 0) + 1)
    }
    expect(Math.max(...counts.values()) - Math.min(...counts.values())).to.be.below(5)
    expect(pending.of(asId('w1'), 2 * LIMITS.heartbeatMs + 1)).to.deep.equal({ busyShare: 0, sessions: 0 })
  })

  it('never exceeds its limits, whatever the fleet', () => {
    const worker = fc.record({
      busyShare: fc.double({ min: 0, max: 1.2, noNaN: true }),
      sessions: fc.integer({ min: 0, max: 8 }),
      slots: fc.integer({ min: 0, max: 8 }),
      life: fc.constantFrom<WorkerLife>('up', 'suspect', 'draining'),
    })
    fc.assert(
      fc.property(fc.array(worker, { maxLength: 6 }), fc.boolean(), fc.integer(), (fleet, failover, seed) => {
        const workers = fleet.map(({ life, ...over }, i) => known(`w${i}`, over, life))
        const answer = placeIn(workers, { failover }, seededRandom(seed))
        if ('error' in answer) return answer.error === 'capacity'
        const chosen = workers.find((w) => w.beat.worker === answer.worker)!
        const limit = failover ? 1 : LIMITS.admitBusyShareMax
        return (
          chosen.life === 'up' &&
          chosen.beat.sessions < chosen.beat.slots &&
          (chosen.beat.sessions === 0 || chosen.beat.busyShare <= limit) &&
          answer.standby !== answer.worker
        )
      }),
    )
  })
})
