import { Client, credentials } from '@grpc/grpc-js'
import { beatSubjects, decodeHeartbeat, type Heartbeat } from '@yap/protocol'
import { WorkerClient } from '@yap/protocol/grpc'
import { expect } from 'chai'
import { eventually } from '../support/eventually.js'
import { DEADLY, POISON } from '../support/fake-engine.js'
import { NatsServer } from '../support/nats-server.js'
import { essence, SessionHarness, speech, FINALIZE } from '../support/session-harness.js'
import { StubEdge } from '../support/stub-edge.js'
import { WorkerRig } from '../support/worker-rig.js'

/** Results of the same audio in one turn, from the session core alone. */
function oracle(pcm: Int16Array, right = 1): object[] {
  const session = new SessionHarness({ right })
  for (let at = 0; at < pcm.length; at += 3200) session.send({ offset: at, pcm: pcm.slice(at, at + 3200) })
  session.send({ offset: pcm.length, flags: FINALIZE })
  return session.results.map(essence)
}

// Goal: what edges say over NATS comes back as text: every session its own, whole, in order, whoever shares its steps.
// Method: a worker with the fake engine in its real thread, a real nats-server, and an edge of few lines.
describe('a worker', function () {
  this.timeout(60_000)
  let nats: NatsServer
  let edge: StubEdge
  let rig: WorkerRig

  before(async () => {
    nats = await NatsServer.start()
    edge = await StubEdge.connect(nats.url)
    rig = await WorkerRig.start({ natsUrl: nats.url, settings: { YAP_SLOTS: '64', YAP_DRAIN_MS_MAX: '2000' } })
  })

  after(async () => {
    await edge?.stop()
    await rig?.stop()
    await nats?.stop()
  })

  it('gives every session its own text, at every look-ahead, however many share a step', async () => {
    const talks = await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const right = [0, 1, 6, 13][i % 4]!
        const session = await edge.open(rig.id, { right, decoder: i % 2 ? 'ctc' : 'rnnt' })
        const pcm = speech(i * 1e6, 30_000 + 777 * i)
        session.say(pcm)
        session.close()
        return { session, expected: oracle(pcm, right) }
      }),
    )
    await eventually('all are released', () => talks.every(({ session }) => session.released), { withinMs: 25_000 })
    for (const { session, expected } of talks) {
      const said = session.results.map((result) => ({ ...essence(result), cause: undefined }))
      expect(said).to.deep.equal(expected.map((result) => ({ ...result, cause: undefined })))
    }
    await eventually('all slots are free', () => rig.worker.standing.status().sessions === 0)
  })

  it('loses nothing when a third of all audio messages gets lost', async () => {
    const session = await edge.open(rig.id)
    session.lossShare = 0.3
    const pcm = speech(5, 80_000)
    session.say(pcm)
    session.finalize()
    session.close()
    await eventually('it is released', () => session.released, { withinMs: 15_000 })
    expect(session.results.slice(0, -1).map(essence)).to.deep.equal(oracle(pcm))
    expect(session.finals.map((final) => [final.turn, final.end, final.cause])).to.deep.equal([
      [0, 80_000, 'finalize'],
      [1, 80_000, 'close'],
    ])
  })

  it('shows the last words of somebody who only stops talking', async () => {
    const session = await edge.open(rig.id, { right: 0 })
    session.say(speech(3, 2400))
    const flush = await eventually('a flush comes', () => session.flushes[0])
    expect(flush.end).to.equal(2400)
    session.close()
    await eventually('it is released', () => session.released)
    expect(session.finals[0]!.text).to.equal(flush.text)
  })

  it('ends a session whose numbers go bad, and no other', async () => {
    const healthy = await edge.open(rig.id)
    const poisoned = await edge.open(rig.id)
    const pcm = speech(11, 48_000)
    healthy.say(pcm)
    poisoned.say(Int16Array.from(pcm, (sample, i) => (i === 20_000 ? POISON : sample)))
    healthy.finalize()
    await eventually('the poisoned one is told', () => poisoned.error?.code === 'internal')
    await eventually('the healthy one has its final', () => healthy.finals.length === 1)
    expect(healthy.results.map(essence)).to.deep.equal(oracle(pcm))
    healthy.close()
    await eventually('both slots are free', () => rig.worker.standing.status().sessions === 0)
  })

  it('answers binds once for each epoch, and starts anew for a higher one', async () => {
    const session = await edge.open(rig.id)
    session.say(speech(1, 20_000))
    await eventually('it is heard', () => session.results.length > 0)
    session.stop()
    const again = await edge.bind(rig.id, { session: session.id })
    expect(again.answer.status).to.equal('bound')
    again.session.stop()
    expect(rig.worker.standing.status().sessions).to.equal(1)
    const anew = await edge.open(rig.id, { session: session.id, epoch: 2 })
    expect(rig.worker.standing.status().sessions).to.equal(1)
    expect((await edge.bind(rig.id, { session: session.id, epoch: 1 })).answer.status).to.equal('stale')
    anew.say(speech(1, 20_000))
    anew.close()
    const winner = await edge.open(rig.id, { session: session.id, epoch: 2 })
    winner.say(speech(1, 20_000))
    winner.close()
    await eventually('it is released', () => winner.released)
    expect(winner.results.at(-1)!.text).to.equal(oracle(speech(1, 20_000)).at(-1)!['text' as keyof object])
    anew.stop()
  })

  it('refuses by name what it cannot serve', async () => {
    expect((await edge.bind(rig.id, { right: 5 })).answer).to.deep.include({ status: 'wrong_model' })
    expect((await edge.bind(rig.id, { modelHash: 'another' })).answer).to.deep.include({ status: 'wrong_model' })
  })

  it('tells what it is five times a second', async () => {
    const beats: Heartbeat[] = []
    const subscription = edge.connection.subscribe(beatSubjects(), {
      callback: (_, message) => void beats.push(decodeHeartbeat(message.data)),
    })
    await eventually('three heartbeats come', () => beats.length >= 3)
    subscription.unsubscribe()
    expect(beats[0]).to.deep.include({ worker: rig.id, slots: 64, sessions: 0, draining: false })
    expect(beats[0]!.model.lookAheads).to.deep.equal(['70,0', '70,1', '70,6', '70,13'])
    expect(beats[1]!.seq).to.equal(beats[0]!.seq + 1)
  })

  it('says how it stands by gRPC', async () => {
    const client = new WorkerClient(`127.0.0.1:${rig.worker.grpc}`, credentials.createInsecure())
    const status = await new Promise<{ slots: number; steps: number }>((resolve, reject) =>
      client.status({}, (error, response) => (error ? reject(error) : resolve(response))),
    )
    ;(client as Client).close()
    expect(status.slots).to.equal(64)
    expect(status.steps).to.be.greaterThan(0)
  })

  it('goes on where it was when NATS was away', async () => {
    const session = await edge.open(rig.id)
    const pcm = speech(21, 64_000)
    session.say(pcm.slice(0, 32_000))
    await eventually('it is heard', () => session.results.length > 5)
    await nats.restart()
    session.say(pcm.slice(32_000))
    session.close()
    await eventually('it is released', () => session.released, { withinMs: 15_000 })
    expect(session.finals[0]!.text).to.equal((oracle(pcm).at(-1) as { text: string }).text)
  })

  it('drains: refuses new sessions, and is done when the last one is gone', async () => {
    const session = await edge.open(rig.id)
    session.say(speech(31, 20_000))
    let done = false
    void rig.worker.drain.begin(1500).then(() => (done = true))
    expect((await edge.bind(rig.id)).answer.status).to.equal('draining')
    expect(done).to.equal(false)
    session.close()
    await eventually('the session and the drain end', () => session.released && done)
  })
})

// Goal: capacity is refused, not shared out until everybody is slow; an engine that dies is noticed at once.
// Method: a fake engine with a known cost; a deadly sample.
describe('a worker at its limits', function () {
  this.timeout(30_000)
  let nats: NatsServer
  let edge: StubEdge

  before(async () => {
    nats = await NatsServer.start()
    edge = await StubEdge.connect(nats.url)
  })

  after(async () => {
    await edge?.stop()
    await nats?.stop()
  })

  it('refuses the next when its slots are taken', async () => {
    const rig = await WorkerRig.start({ natsUrl: nats.url, settings: { YAP_SLOTS: '2', YAP_DRAIN_MS_MAX: '200' } })
    try {
      await edge.open(rig.id)
      await edge.open(rig.id)
      expect((await edge.bind(rig.id)).answer).to.deep.include({ status: 'full', message: 'all 2 slots are in use' })
    } finally {
      await rig.stop()
    }
  })

  it('tells of an engine that died', async () => {
    const rig = await WorkerRig.start({ natsUrl: nats.url, settings: { YAP_DRAIN_MS_MAX: '200' } })
    try {
      let death: Error | undefined
      rig.engine.onDeath((error) => (death = error))
      const session = await edge.open(rig.id)
      session.say(Int16Array.of(...speech(0, 1000), DEADLY, ...speech(0, 1000)))
      await eventually('the death is told', () => death !== undefined)
      expect(death!.message).to.contain('deadly sample')
    } finally {
      await rig.stop()
    }
  })

  it('says in one line why a model cannot be loaded', async () => {
    const start = WorkerRig.start({ natsUrl: nats.url, model: '/nowhere.nemo' })
    const error = await start.then(
      () => undefined,
      (failure: Error) => failure,
    )
    expect(error?.message).to.contain('/nowhere.nemo').and.not.contain('\n')
  })
})
