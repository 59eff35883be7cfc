import { expect } from 'chai'
import { fakeTranscript } from '../support/fake-worker-session.js'
import { EdgeClient } from '../support/edge-client.js'
import { EdgeCluster } from '../support/edge-cluster.js'
import { eventually } from '../support/eventually.js'
import { freePort } from '@yap/tools'
import { NatsServer } from '../support/nats-server.js'
import { SeededRandom } from '../support/seeded-random.js'
import { ServiceProcess } from '../support/service-process.js'

describe('a session', () => {
  // Goal: what dies behind the edge changes no transcript. Method: real nats-server, router and edge; workers without a model
  // die or NATS is killed while a client speaks at real time.
  let cluster: EdgeCluster

  beforeEach(async function () {
    this.timeout(60_000)
    cluster = await EdgeCluster.start({ workers: 2 })
    await eventually('both workers are known', async () => {
      const info = (await (await fetch(`http://127.0.0.1:${cluster.port}/v1/info`)).json()) as { workers: number }
      return info.workers === 2
    })
  })

  afterEach(async function () {
    this.timeout(20_000)
    await cluster?.stop()
  })

  class Talk {
    readonly said: number[] = []
    readonly #random = new SeededRandom(3)
    readonly #timer: NodeJS.Timeout
    readonly client: EdgeClient

    constructor(client: EdgeClient) {
      this.client = client
      this.#timer = setInterval(() => {
        const frame = Array.from({ length: 320 }, () => this.#random.below(65_536) - 32_768)
        this.said.push(...frame)
        client.speak(frame)
      }, 20)
    }

    async finish(): Promise<void> {
      clearInterval(this.#timer)
      this.client.json({ op: 'close' })
      expect(await this.client.closed(10_000)).to.equal(1000)
      expect(this.client.finals).to.deep.equal([fakeTranscript(this.said, 1)])
    }
  }

  const ownerOf = (): (typeof cluster.workers)[number] => cluster.workers.find((w) => w.sessions.size > 0)!

  it('goes on at another worker when its own is killed', async () => {
    const talk = new Talk(await EdgeClient.ready(cluster.port))
    await talk.client.hears('interim', 3)
    await ownerOf().kill()
    const heard = talk.client.heard.length
    await eventually('words come again', () => talk.client.heard.length > heard + 3, { withinMs: 5_000 })
    await talk.finish()
    expect(cluster.edge.output).to.match(/session: failover/)
  }).timeout(30_000)

  it('loses nothing when nats-server is killed for a while', async () => {
    const talk = new Talk(await EdgeClient.ready(cluster.port))
    await talk.client.hears('interim', 3)
    await cluster.nats.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // the outage itself
    await cluster.nats.restart()
    const heard = talk.client.heard.length
    await eventually('words come again', () => talk.client.heard.length > heard + 3, { withinMs: 10_000 })
    await talk.finish()
  }).timeout(40_000)

  it('does not notice the death of the router', async () => {
    const talk = new Talk(await EdgeClient.ready(cluster.port))
    await cluster.router.stop('SIGKILL')
    await talk.client.hears('interim', 6)
    await talk.finish()
    const refused = await EdgeClient.open(cluster.port)
    refused.init()
    expect(await refused.hears('error', 1, 1_000)).to.include({ code: 'capacity', message: 'no router answers' })
    expect(await refused.closed()).to.equal(1013)
  }).timeout(30_000)

  it('is refused with capacity at once when there is no worker, with a time to come back', async () => {
    for (const worker of cluster.workers) await worker.kill()
    await eventually('both are gone', async () => {
      const info = (await (await fetch(`http://127.0.0.1:${cluster.port}/v1/info`)).json()) as { model: unknown }
      return info.model === null
    })
    const client = await EdgeClient.open(cluster.port)
    const askedAt = performance.now()
    client.init()
    expect(await client.hears('error')).to.include({ code: 'capacity', retry_after_ms: 2_000 })
    expect(performance.now() - askedAt).to.be.below(500)
    expect(await client.closed()).to.equal(1013)
  }).timeout(20_000)

  it("hears draining and 1012 at its turn's end when the edge is stopped", async () => {
    const client = await EdgeClient.ready(cluster.port)
    const idle = await EdgeClient.ready(cluster.port)
    client.speak(Array.from({ length: 4_000 }, () => 5))
    await client.hears('interim')
    const stopped = cluster.edge.stop('SIGTERM')
    expect(await idle.closed()).to.equal(1012)
    expect(client.closeCode, 'still in its turn').to.equal(undefined)
    client.json({ op: 'finalize' })
    expect(await client.closed()).to.equal(1012)
    expect(client.finals).to.have.length(1)
    expect(client.error).to.include({ code: 'draining' })
    await stopped
    expect(cluster.edge.child.exitCode).to.equal(0)
  }).timeout(20_000)
})

describe('an edge without NATS', () => {
  // Goal: it says what it waits for, is not ready, refuses clients, and is ready as soon as NATS is there.
  it('tries on with a clear line and is ready only when connected', async function () {
    this.timeout(30_000)
    const port = await freePort()
    const http = await freePort()
    const edge = ServiceProcess.launch('edge', { YAP_NATS_URL: `nats://127.0.0.1:${port}`, ASR_PORT: String(http) })
    try {
      const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${http}/readyz`)).status
      await eventually('the port is open', async () => (await ready()) === 503, { withinMs: 10_000 })
      await eventually('the log says why', () => /NATS does not answer at nats:\/\/127\.0\.0\.1/.test(edge.output))
      const client = new EdgeClient(http)
      expect(await eventually('refused', () => client.refusedStatus)).to.equal(503)
      expect(edge.isReady).to.equal(false)
      const nats = await NatsServer.start(port)
      await eventually('the edge is up', () => edge.isReady, { withinMs: 10_000 })
      await edge.stop()
      await nats.stop()
    } finally {
      await edge.stop('SIGKILL')
    }
  })
})

describe('an edge without a worker', () => {
  // Goal: who waits for /readyz is served, and a fleet that went away is told of in words, not by a closed door.
  it('is ready once it has seen one, and stays ready when that is gone', async function () {
    this.timeout(30_000)
    const cluster = await EdgeCluster.start({ workers: 0 })
    try {
      const ready = async (): Promise<string> => (await fetch(`http://127.0.0.1:${cluster.port}/readyz`)).text()
      expect(await ready()).to.include('worker: none was seen yet')
      const worker = await cluster.addWorker('first')
      await eventually('ready', async () => !(await ready()).startsWith('not ready'), { withinMs: 10_000 })
      await worker.kill()
      await eventually('it is gone', async () => {
        const info = (await (await fetch(`http://127.0.0.1:${cluster.port}/v1/info`)).json()) as { model: unknown }
        return info.model === null
      })
      const client = await EdgeClient.open(cluster.port)
      client.init()
      expect(await client.hears('error')).to.include({ code: 'capacity' })
      expect(await ready()).to.not.include('not ready')
    } finally {
      await cluster.stop()
    }
  })
})
