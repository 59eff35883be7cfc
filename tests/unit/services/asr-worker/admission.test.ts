import { Admission, bucketSizes, CostModel, SessionTable, SlotTable, type Scheduler } from '@yap/asr-worker'
import type { BindRequest } from '@yap/protocol'
import { asId } from '@yap/protocol'
import { expect } from 'chai'
import { fakeManifest } from '../../../support/fake-engine.js'

/** An engine that holds `capacity` sessions of 70,1 when it is fully loaded. */
function admissionOf(capacity: number, slots = 100) {
  const manifest = fakeManifest()
  const chunkMs = manifest.lookAheads.map((lookAhead) => lookAhead.chunkMs)
  const buckets = bucketSizes(8)
  const measured = chunkMs.map((ms) => buckets.map((rows) => (rows * ms) / capacity))
  const sessions = new SessionTable(new SlotTable(slots), chunkMs.length)
  let draining = false
  const admission = new Admission({
    manifest,
    limits: { tailSamples: 1280, pendingSamplesMax: 100_000 },
    sessions,
    scheduler: { leave: (session: { slot?: unknown }) => sessions.freeSlot(session as never) } as unknown as Scheduler,
    cost: new CostModel({ chunkMs, buckets }, measured),
    draining: () => draining,
  })
  const bind = (n: number, more: Partial<BindRequest> = {}) =>
    admission.bind(
      {
        session: asId(`s${n}`),
        epoch: 1,
        edge: asId('edge'),
        right: 1,
        decoder: 'rnnt',
        modelHash: manifest.hash,
        turn: 0,
        turnStart: 0,
        offset: 0,
        index: 0,
        words: false,
        interim: 'step',
        endpointMs: null,
        failover: false,
        ...more,
      },
      0,
    ).status
  return { bind, sessions, drain: () => (draining = true) }
}

// Goal: the worker promises what it can hold, keeps room for those who move, and answers the same bind the same way.
// Method: an engine of known capacity, binds one after the other.
describe('admission', () => {
  it('admits new sessions up to 0.8 of the time, and those that move up to all of it', () => {
    const { bind } = admissionOf(20)
    const answers = Array.from({ length: 20 }, (_, n) => bind(n))
    expect(answers.filter((status) => status === 'bound')).to.have.length(16)
    expect(answers.slice(16)).to.deep.equal(Array(4).fill('full'))
    expect(Array.from({ length: 6 }, (_, n) => bind(100 + n, { failover: true }))).to.deep.equal([
      ...Array(4).fill('bound'),
      ...Array(2).fill('full'),
    ])
  })

  it('takes one session even on a machine that cannot hold real time', () => {
    const { bind } = admissionOf(0.5)
    expect([bind(1), bind(2)]).to.deep.equal(['bound', 'full'])
  })

  it('refuses when all slots are taken', () => {
    const { bind } = admissionOf(100, 2)
    expect([bind(1), bind(2), bind(3)]).to.deep.equal(['bound', 'bound', 'full'])
  })

  it('is idempotent by session and epoch, and keeps nothing of an older epoch', () => {
    const { bind, sessions } = admissionOf(20)
    expect([bind(1), bind(1)]).to.deep.equal(['bound', 'bound'])
    const before = sessions.get(asId('s1'))!
    expect(sessions.liveCount).to.equal(1)
    expect(bind(1, { epoch: 2 })).to.equal('bound')
    expect(sessions.get(asId('s1'))!.core).to.not.equal(before.core)
    expect(sessions.liveCount).to.equal(1)
    expect(bind(1, { epoch: 1 })).to.equal('stale')
  })

  it('refuses another model, unknown look-aheads, and everybody new while it drains', () => {
    const { bind, drain } = admissionOf(20)
    expect(bind(1, { modelHash: 'other' })).to.equal('wrong_model')
    expect(bind(1, { right: 2 })).to.equal('wrong_model')
    expect(bind(1)).to.equal('bound')
    drain()
    expect(bind(2)).to.equal('draining')
    expect(bind(1)).to.equal('bound')
  })
})
