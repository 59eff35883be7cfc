import { stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { freePort, readRunFile, runFilePath } from '@yap/tools'
import { Cluster } from '../support/cluster.js'
import { eventually } from '../support/eventually.js'

// Goal: one command starts everything, says what goes wrong in one line, and however it ends, nothing of it is left running.
// Method: the real supervisor, watchdog and nats-server in a process of their own; the services are fakes that are ready at once.
describe('yap start', function () {
  this.timeout(90_000)
  const clusters: Cluster[] = []
  const start = async (options: Parameters<typeof Cluster.start>[0] = {}) => {
    const cluster = await Cluster.start({ services: 'fake', ...options })
    clusters.push(cluster)
    return cluster
  }
  const launch = async (options: Parameters<typeof Cluster.start>[0] = {}) => {
    const cluster = await Cluster.launch({ services: 'fake', ...options })
    clusters.push(cluster)
    return cluster
  }
  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.stop()
  })

  it('writes run.json for its owner only, with every process and its ports', async () => {
    const cluster = await start({ workers: 2 })
    const run = await cluster.run()
    expect(run?.processes.map(({ name }) => name)).to.have.members([
      'nats-server',
      'router',
      'asr-worker-1',
      'asr-worker-2',
      'edge',
    ])
    for (const process of run?.processes ?? []) expect(Object.keys(process.ports), process.name).to.have.length.above(0)
    const response = await fetch(`${run?.address}/readyz`)
    expect(await response.text()).to.equal('ready\n')
    expect((await stat(runFilePath(cluster.dataDir))).mode & 0o777).to.equal(0o600)
  })

  it("lets nobody into its NATS without the run's key, which only the owner may read", async () => {
    const cluster = await start()
    const { ports } = await cluster.process('nats-server')
    const answer = await new Promise<string>((resolve) => {
      let heard = ''
      const socket = connect(ports.nats ?? 0, '127.0.0.1', () => socket.write('CONNECT {"verbose":false}\r\nPING\r\n'))
      socket
        .on('data', (data) => (heard += data.toString()))
        .on('error', () => {})
        .on('close', () => resolve(heard))
    })
    expect(answer).to.include('Authorization Violation')
    for (const file of ['nats.creds', 'nats-server.conf'])
      expect((await stat(join(cluster.dataDir, file))).mode & 0o777, file).to.equal(0o600)
  })

  it('prints a banner with the address and what to try', async () => {
    const cluster = await start()
    const address = await cluster.address()
    await eventually('the banner is there', () => cluster.output.includes('Ctrl-C'))
    expect(cluster.output).to.include(`open ${address} in a browser`).and.include('yap client')
    expect(cluster.output).to.match(/\d\d:\d\d:\d\d\.\d{3} asr-worker-1 {2}fake ready/)
  })

  it('stops in reverse order at a signal, removes run.json and ends with 0', async () => {
    const cluster = await start()
    cluster.signal('SIGINT')
    expect(await cluster.ended()).to.equal(0)
    expect(cluster.survivors()).to.deep.equal([])
    expect(await readRunFile(cluster.dataDir)).to.equal(undefined)
    const stopped = [...cluster.output.matchAll(/(\S+) +fake stopping/g)].map(([, name]) => name)
    expect(stopped).to.deep.equal(['edge', 'asr-worker-1', 'router'])
  })

  it('ends everything at once at a second Ctrl-C', async () => {
    const cluster = await start({ env: { FAKE_FAULTS: JSON.stringify({ edge: 'ignores-sigterm' }) } })
    cluster.signal('SIGINT')
    await eventually('the edge was asked to stop', () => cluster.output.includes('fake stopping'))
    await eventually(
      'it hears the second one',
      () => {
        cluster.signal('SIGINT')
        return cluster.exitCode !== undefined
      },
      { everyMs: 100 },
    )
    expect(cluster.exitCode).to.equal(130)
    expect(cluster.survivors()).to.deep.equal([])
  })

  it('kills a process that does not stop in time', async () => {
    const faults = { 'asr-worker-1': 'ignores-sigterm' }
    const cluster = await start({ env: { FAKE_FAULTS: JSON.stringify(faults), YAP_DRAIN_MS_MAX: '100' } })
    cluster.signal('SIGTERM')
    expect(await cluster.ended()).to.equal(0)
    expect(cluster.output).to.match(/asr-worker-1 +warn: did not stop within 2\.1 s and is killed/)
  })

  it('leaves nothing behind when it is killed, nats-server and a stubborn service included', async () => {
    const faults = { router: 'stays-without-parent' }
    const cluster = await start({ env: { FAKE_FAULTS: JSON.stringify(faults) } })
    await cluster.run()
    expect(cluster.survivors()).to.have.length(4)
    cluster.signal('SIGKILL')
    await eventually('everything is gone', () => cluster.survivors().length === 0, { withinMs: 20_000 })
  })

  it('takes over a folder whose run was killed', async () => {
    const first = await start()
    first.signal('SIGKILL')
    await eventually('everything is gone', () => first.survivors().length === 0, { withinMs: 20_000 })
    const second = await start({ dataDir: first.dataDir })
    await eventually('it is said', () => second.output.includes('a former run was killed'))
    await second.stop()
  })

  it('refuses a second run in the same folder, and says where the first one is', async () => {
    const first = await start()
    const second = await launch({ dataDir: first.dataDir })
    expect(await second.ended()).to.equal(2)
    expect(second.output).to.include(`Yap already runs here: ${await first.address()}`)
    expect((await first.run())?.processes).to.have.length(4)
  })

  it('says that a port is taken, by its number and with the way out', async () => {
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    try {
      const cluster = await launch({ port })
      expect(await cluster.ended()).to.equal(2)
      expect(cluster.output).to.equal(
        `yap: port ${port} on 127.0.0.1 is in use by another program; choose another with --port ${port + 1}, say\n`,
      )
    } finally {
      other.close()
    }
  })

  it('lists what is wrong with the settings once, and starts nothing', async () => {
    const cluster = await launch({ env: { ASR_STEP_MS: 'soon', YAP_STEPS: '1' } })
    expect(await cluster.ended()).to.equal(2)
    expect(cluster.output).to.include('ASR_STEP_MS').and.include('YAP_STEPS is not a setting')
    expect(cluster.output.match(/ASR_STEP_MS="soon"/g)).to.have.length(1)
    expect(await cluster.run()).to.equal(undefined)
  })

  it('starts a killed service again, the router on its port, and says so', async () => {
    const cluster = await start()
    const before = await cluster.kill('router')
    const after = await eventually(
      'the router is back',
      async () => {
        const router = (await cluster.run())?.processes.find(({ name }) => name === 'router')
        return router?.state === 'ready' && router.pid !== before.pid && router
      },
      { withinMs: 20_000 },
    )
    expect(after.ports).to.deep.equal(before.ports)
    expect(after.restarts).to.equal(1)
    expect(cluster.output).to.match(/router +warn: was killed by SIGKILL; starting it again in 0\.25 s/)
    await eventually('it is said', () => /router +is back/.test(cluster.output))
  })

  it('starts a killed nats-server again on its port', async () => {
    const cluster = await start()
    const before = await cluster.kill('nats-server')
    await eventually(
      'nats-server is back',
      async () => {
        const nats = (await cluster.run())?.processes.find(({ name }) => name === 'nats-server')
        return nats?.state === 'ready' && nats.pid !== before.pid && nats.ports.nats === before.ports.nats
      },
      { withinMs: 20_000 },
    )
  })

  it('gives up, and stops the rest, when a service dies again and again at its start', async () => {
    const cluster = await launch({ env: { FAKE_FAULTS: JSON.stringify({ edge: 'dies-at-start' }) } })
    expect(await cluster.ended()).to.equal(1)
    expect(cluster.output).to.include('edge ended with code 1, 3 times in a row before it was ready')
    expect(cluster.output.match(/the fake service dies/g)).to.have.length(3)
    expect(cluster.survivors()).to.deep.equal([])
  })
})
