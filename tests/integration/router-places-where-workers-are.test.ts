import { credentials } from '@grpc/grpc-js'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { expect } from 'chai'
import { asId, beatSubject, encodeHeartbeat, randomId, type Heartbeat } from '@yap/protocol'
import {
  RouterClient,
  type PlaceRequest,
  type PlaceResponse,
  type RouterStatusResponse,
  type WorkerEvent,
} from '@yap/protocol/grpc'
import { eventually } from '../support/eventually.js'
import { heartbeat } from '../support/heartbeats.js'
import { NatsServer } from '../support/nats-server.js'
import { ServiceProcess } from '../support/service-process.js'

describe('the router', () => {
  // Goal: it knows workers from heartbeats alone, tells edges when they die, and lives through the loss of NATS.
  // Method: a real router process and nats-server; workers are heartbeats that the test publishes.
  let nats: NatsServer
  let router: ServiceProcess
  let client: RouterClient
  let link: NatsConnection
  const beating = new Map<string, Heartbeat>()
  let beat: NodeJS.Timeout

  before(async function () {
    this.timeout(60_000)
    nats = await NatsServer.start()
    router = await ServiceProcess.start('router', {
      YAP_NATS_URL: nats.url,
      YAP_ROUTER_PORT: '0',
      YAP_ROUTER_HTTP_PORT: '0',
    })
    client = new RouterClient(`127.0.0.1:${router.port('grpc')}`, credentials.createInsecure())
    link = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
    let seq = 0
    beat = setInterval(() => {
      seq++
      for (const b of beating.values()) link.publish(beatSubject(b.worker), encodeHeartbeat({ ...b, seq }))
    }, 100)
  })

  after(async () => {
    clearInterval(beat)
    client?.close()
    await link?.close()
    await router?.stop()
    await nats?.stop()
  })

  const place = (over: Partial<PlaceRequest> = {}): Promise<PlaceResponse> => {
    const request = {
      session: randomId(),
      edge: 'e1',
      zone: '',
      lookAhead: '70,1',
      decoder: 'rnnt',
      model: '',
      modelHash: '',
      failover: false,
      exclude: [],
      ...over,
    }
    return new Promise((resolve, reject) =>
      client.place(request, (error, answer) => (error ? reject(error) : resolve(answer))),
    )
  }
  const start = (name: string): void => void beating.set(name, heartbeat({ worker: asId(name) }))

  it('refuses with capacity while there is no worker', async () => {
    expect(await place()).to.include({ error: 'capacity', message: 'no worker is up', retryAfterMs: 2000 })
  })

  it('places as soon as a worker beats, with a standby when there are two', async () => {
    start('w1')
    await eventually('a session is placed', async () => (await place()).worker === 'w1')
    start('w2')
    await eventually('a standby is named', async () => (await place()).standby !== '')
    const status = await new Promise<RouterStatusResponse>((resolve, reject) =>
      client.status({}, (error, answer) => (error ? reject(error) : resolve(answer))),
    )
    expect(status.workers.map((w) => w.worker).toSorted()).to.deep.equal(['w1', 'w2'])
  })

  it('tells watchers who is there, and within 1.5 s who is gone', async () => {
    const events: WorkerEvent[] = []
    const stream = client.watch({ edge: 'e1' })
    stream.on('data', (event: WorkerEvent) => events.push(event))
    stream.on('error', () => {})
    try {
      await eventually('both are told', () => events.filter((e) => e.state === 'UP').length === 2)
      beating.delete('w1')
      await eventually('w1 is gone', () => events.some((e) => e.worker === 'w1' && e.state === 'GONE'), {
        withinMs: 1500,
      })
      expect((await place()).worker).to.equal('w2')
    } finally {
      stream.cancel()
    }
  })

  it('refuses ids that are none', async () => {
    const error = await place({ session: 'a.*' }).then(
      () => undefined,
      (e: Error) => e,
    )
    expect(error?.message).to.match(/must be ids/)
  })

  it('does not declare workers dead for the death of NATS, and is ready again after it', async function () {
    this.timeout(20_000)
    const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${router.port('http')}/readyz`)).status
    expect(await ready()).to.equal(200)
    await nats.kill('SIGKILL')
    await eventually('readyz says no', async () => (await ready()) === 503, { withinMs: 10_000 })
    expect((await place()).worker).to.equal('w2')
    await nats.restart()
    await eventually('readyz says yes', async () => (await ready()) === 200, { withinMs: 10_000 })
    expect((await place()).worker).to.equal('w2')
    expect(router.output).to.not.match(/worker w2 is gone/)
  })
})
