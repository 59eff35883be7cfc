import { expect } from 'chai'
import fc from 'fast-check'
import { SessionPhase } from '@yap/edge'
import { asId, LIMITS } from '@yap/protocol'
import { fakeTranscript } from '../../../support/fake-worker-session.js'
import { limits, SmallWorld } from '../../../support/small-world.js'

const count = (world: SmallWorld, what: string): number =>
  world.seen.reduce((sum, e) => sum + (e.type === 'count' && e.what === what ? e.n : 0), 0)

describe('a session at the edge', () => {
  // Goal: what the client hears is a function of its audio alone: complete, once, in order, whatever the wire and the workers do.
  // Method: the pure core against fake workers whose text is a hash of the samples, over a wire that loses and repeats.

  it('says one interim a step, and a final for each end of a turn', () => {
    const world = new SmallWorld()
    world.speak(16_000)
    world.finalize()
    world.speak(9_000)
    world.close()
    world.run(1_000)
    expect(world.finals).to.deep.equal(world.oracle())
    const interims = world.said.filter((s) => s.op === 'interim' && s.turn === 0)
    expect(interims).to.have.length(6)
    expect(world.seen.map((e) => e.type)).to.include('close')
    expect(world.core.phase).to.equal(SessionPhase.ENDED)
  })

  it('answers finalize with a final each time, even an empty one, with turn numbers that have no hole', () => {
    const world = new SmallWorld()
    world.run(100)
    world.finalize()
    world.finalize()
    world.speak(500)
    world.finalize()
    world.close()
    world.run(500)
    expect(world.said.filter((s) => s.op === 'final').map((s) => s.turn)).to.deep.equal([0, 1, 2, 3])
    expect(world.finals).to.deep.equal(world.oracle())
  })

  it('takes audio, finalize and close that come before the worker is found', () => {
    const world = new SmallWorld()
    world.handle({ type: 'audio', pcm: Int16Array.of(1, 2, 3) })
    world.sent[0]!.push(1, 2, 3)
    world.finalize()
    world.close()
    world.run(500)
    expect(world.finals).to.deep.equal(world.oracle())
  })

  it('shows the last words when the client only stops sending', () => {
    const world = new SmallWorld()
    world.speak(5_000)
    const before = world.said.length
    world.run(limits.idleFlushMs + 100)
    expect(world.said.slice(before).map((s) => s.text)).to.deep.equal([fakeTranscript(world.sent[0]!, 1)])
    world.run(2_000)
    expect(world.said.length, 'said once').to.equal(before + 1)
    world.speak(5_000)
    world.close()
    world.run(500)
    expect(world.finals).to.deep.equal(world.oracle())
  })

  it('publishes nothing but complete chunks while the client speaks', () => {
    const world = new SmallWorld()
    world.speak(32_000)
    const ends = world.seen.flatMap((e) =>
      e.type === 'publish' && e.pcm.length > 0 ? [e.header.offset + e.pcm.length] : [],
    )
    expect(ends).to.deep.equal([...ends].toSorted((a, b) => a - b))
    for (const end of ends) expect((end - 1480) % 2560).to.equal(0)
  })

  it('says the same over a wire that loses and repeats, for any seed', () => {
    const turn = fc.integer({ min: 0, max: 20_000 })
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1 }),
        fc.constantFrom(0, 1, 6),
        (turns, seed, right) => {
          const world = new SmallWorld({ loss: 0.15, repeats: 0.15, seed, right })
          for (const samples of turns.slice(1)) {
            world.speak(samples)
            world.finalize()
          }
          world.speak(turns[0]!)
          world.close()
          world.run(15_000)
          expect(world.finals).to.deep.equal(world.oracle())
          expect(count(world, 'replay_divergence')).to.equal(0)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('moves to the standby when its worker dies, and the client hears the same', () => {
    const world = new SmallWorld()
    world.speak(20_000)
    const heard = world.said.length
    world.kill(asId('w0'))
    world.run(200)
    expect(world.core.worker).to.equal('w1')
    expect(world.core.epoch).to.equal(2)
    expect(world.said.length, 'nothing is said twice').to.equal(heard)
    world.speak(20_000)
    world.close()
    world.run(1_000)
    expect(world.finals).to.deep.equal(world.oracle())
    expect(count(world, 'failover')).to.equal(1)
    expect(count(world, 'replay_divergence')).to.equal(0)
  })

  it('survives workers that die at any time, over a bad wire, as long as there is another', () => {
    const death = fc.integer({ min: 0, max: 20 })
    fc.assert(
      fc.property(fc.array(death, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1 }), (deaths, seed) => {
        const world = new SmallWorld({ loss: 0.1, repeats: 0.1, seed, workers: 5 })
        for (let i = 0; i <= 20; i++) {
          world.speak(1_700)
          if (i % 7 === 6) world.finalize()
          const { worker } = world.core
          if (deaths.includes(i) && worker) world.kill(worker)
        }
        world.close()
        world.run(20_000)
        expect(world.finals).to.deep.equal(world.oracle())
        expect(count(world, 'replay_divergence')).to.equal(0)
      }),
      { numRuns: 60 },
    )
  })

  it('drops what a worker of an older epoch says, and counts it', () => {
    const world = new SmallWorld()
    world.speak(10_000)
    const zombie = world.alive.get(asId('w0'))!.get(1)!
    world.handle({ type: 'worker-lost', worker: asId('w0') })
    world.run(200)
    const said = world.said.length
    const late = zombie.audio(
      { flags: 0, epoch: 1, turn: 0, ack: 0, offset: 0, turnStart: 0, pcm: new Int16Array(0) },
      world.now,
    )
    world.handle({ type: 'text', message: late! })
    expect(world.said.length).to.equal(said)
    expect(count(world, 'zombie_dropped')).to.be.greaterThan(0)
  })

  it('leaves a worker that goes silent, and not one that was silent because we were deaf', () => {
    const world = new SmallWorld()
    world.speak(6_000)
    world.wireUp = false
    world.run(5_000)
    world.wireUp = true
    world.handle({ type: 'deaf' })
    world.run(600)
    expect(world.core.worker).to.equal('w0')
    world.alive.get(asId('w0'))!.clear()
    world.speak(16_000)
    world.run(1_500)
    expect(world.core.worker).to.equal('w1')
    world.close()
    world.run(1_000)
    expect(world.finals).to.deep.equal(world.oracle())
  })

  it('waits for a worker to come back when the only one dies', () => {
    const world = new SmallWorld({ workers: 1 })
    world.speak(10_000)
    world.kill(asId('w0'))
    world.speak(10_000)
    expect(world.core.phase).to.equal(SessionPhase.PLACING)
    world.alive.set(asId('w9'), new Map())
    world.run(600)
    world.close()
    world.run(1_000)
    expect(world.finals).to.deep.equal(world.oracle())
  })

  it('refuses a new session at once when nobody is there, and gives up a moving one after a while', () => {
    const none = new SmallWorld({ workers: 0 })
    none.run(20)
    expect(none.seen.find((e) => e.type === 'error')).to.include({ code: 'capacity', retryAfterMs: 2000 })
    expect(none.core.phase).to.equal(SessionPhase.ENDED)
    const lonely = new SmallWorld({ workers: 1 })
    lonely.speak(3_000)
    lonely.kill(asId('w0'))
    lonely.run(LIMITS.failoverMsMax + 1_000)
    expect(lonely.seen.find((e) => e.type === 'error')).to.include({ code: 'capacity' })
  })

  it('never has more audio in flight than the credit, and stops reading a client that is faster', () => {
    const world = new SmallWorld()
    world.run(100)
    world.alive.get(asId('w0'))!.clear()
    const pcm = new Int16Array(160_000)
    world.handle({ type: 'audio', pcm })
    world.run(200)
    const published = world.seen.reduce((sum, e) => sum + (e.type === 'publish' ? e.pcm.length : 0), 0)
    expect(published).to.be.at.most(2 * 16_000)
    expect(world.seen.filter((e) => e.type === 'flow')).to.deep.equal([{ type: 'flow', read: false }])
  })

  it('reads again when the worker has caught up, and says everything', () => {
    const world = new SmallWorld()
    world.run(100)
    const pcm = Int16Array.from({ length: 320_000 }, (_, i) => i % 1000)
    for (const sample of pcm) world.sent[0]!.push(sample)
    world.handle({ type: 'audio', pcm })
    world.run(1_000)
    expect(world.seen.filter((e) => e.type === 'flow').map((e) => e.read)).to.deep.equal([false, true])
    world.close()
    world.run(500)
    expect(world.finals).to.deep.equal(world.oracle())
  })

  it('ends with bad_audio after the final when half a sample is left', () => {
    const world = new SmallWorld()
    world.speak(3_000)
    world.close(true)
    world.run(500)
    const types = world.seen.filter(
      (e) => e.type === 'error' || (e.type === 'say' && e.message.op === 'final') || e.type === 'close',
    )
    expect(types.map((e) => e.type)).to.deep.equal(['say', 'error'])
    expect(types[1]).to.include({ code: 'bad_audio' })
  })

  it('frees the worker when the client goes, and forgets a worker that does not answer', () => {
    const world = new SmallWorld()
    world.speak(3_000)
    world.handle({ type: 'gone' })
    world.run(200)
    expect(world.core.phase).to.equal(SessionPhase.ENDED)
    expect(world.alive.get(asId('w0'))!.get(1)!.released).to.equal(true)
    const deserted = new SmallWorld()
    deserted.speak(3_000)
    deserted.alive.clear()
    deserted.handle({ type: 'gone' })
    deserted.run(LIMITS.releaseMsMax + 100)
    expect(deserted.core.phase).to.equal(SessionPhase.ENDED)
  })

  it('ends sessions that are silent or too long, and says which', () => {
    const idle = new SmallWorld({ limits: { idleMsMax: 1_000 } })
    idle.run(1_200)
    expect(idle.seen.find((e) => e.type === 'error')).to.include({ code: 'idle_timeout' })
    const long = new SmallWorld({ limits: { sessionMsMax: 1_000 } })
    long.speak(20_000)
    expect(long.seen.find((e) => e.type === 'error')).to.include({ code: 'session_too_long' })
  })

  it('leaves at the end of the turn when the edge drains', () => {
    const world = new SmallWorld()
    world.speak(3_000)
    world.handle({ type: 'drain', now: false })
    world.speak(3_000)
    expect(world.seen.some((e) => e.type === 'error')).to.equal(false)
    world.finalize()
    world.run(500)
    expect(world.finals).to.deep.equal(world.oracle().slice(0, 1))
    expect(world.seen.find((e) => e.type === 'error')).to.include({ code: 'draining' })
  })

  it('counts on where a resumed client left off', () => {
    const world = new SmallWorld({ options: { turn: 3, clientSamples: 44_100, rateHz: 44_100 } })
    world.clientSamples = 44_100
    world.speak(3_000)
    world.finalize()
    world.run(1_500)
    expect(world.said.find((s) => s.op === 'final')).to.include({ turn: 3, startMs: 1000, endMs: 1188 })
    expect(world.said.find((s) => s.op === 'ack')).to.include({ samples: 47_100 })
  })
})
