import { connect as connectTcp, type Socket } from 'node:net'
import { expect } from 'chai'
import { ERRORS, LIMITS, type ErrorCode } from '@yap/protocol'
import { fakeTranscript } from '../support/fake-worker-session.js'
import { EdgeClient } from '../support/edge-client.js'
import { EdgeCluster } from '../support/edge-cluster.js'
import { eventually } from '../support/eventually.js'
import { SeededRandom } from '../support/seeded-random.js'

async function expectEnd(client: EdgeClient, code: ErrorCode): Promise<void> {
  expect(await client.closed()).to.equal(ERRORS[code].close)
  expect(client.error).to.include({ op: 'error', code })
  expect(client.error?.message).to.be.a('string').and.not.match(/\n/)
}

describe('bad input at the edge', () => {
  // Goal: each kind of bad input gets the code that was promised, and a session beside it is untouched.
  // Method: real nats-server, router and edge; a witness speaks through all of it, and its text is a hash of its own samples.
  let cluster: EdgeCluster
  let witness: EdgeClient
  const said: number[] = []
  const random = new SeededRandom(11)
  let speaking: NodeJS.Timeout

  before(async function () {
    this.timeout(60_000)
    cluster = await EdgeCluster.start({
      edge: { YAP_INIT_MS_MAX: '700', YAP_IDLE_MS_MAX: '1500', YAP_LOG_LEVEL: 'debug' },
    })
    await eventually('the edge places sessions', async () => {
      const probe = await EdgeClient.open(cluster.port)
      probe.init()
      const answer = await eventually('an answer', () => probe.heard[0])
      probe.end()
      return answer.op === 'ready'
    })
    witness = await EdgeClient.ready(cluster.port, { sid: 'witness' })
    speaking = setInterval(() => {
      const frame = Array.from({ length: 320 }, () => random.below(65_536) - 32_768)
      said.push(...frame)
      witness.speak(frame)
    }, 20)
  })

  after(async function () {
    this.timeout(20_000)
    clearInterval(speaking)
    await cluster?.stop()
  })

  const refusedInit = async (over: object, code: ErrorCode): Promise<EdgeClient> => {
    const client = await EdgeClient.open(cluster.port)
    client.init(over)
    await expectEnd(client, code)
    return client
  }

  it('no init: init_timeout, 4408', async () => {
    await expectEnd(await EdgeClient.open(cluster.port), 'init_timeout')
  })

  it('bad JSON, an unknown op, finalize first: bad_init, 4400', async () => {
    for (const text of ['{"op":', 'hello', '[]', '{"op":"shout"}', '{"op":"finalize"}', '{"op":"close"}']) {
      const client = await EdgeClient.open(cluster.port)
      client.socket.send(text)
      await expectEnd(client, 'bad_init')
    }
  })

  it('two inits: bad_init, 4400', async () => {
    const client = await EdgeClient.ready(cluster.port)
    client.init()
    await expectEnd(client, 'bad_init')
  })

  it('audio first: bad_init, 4400', async () => {
    const client = await EdgeClient.open(cluster.port)
    client.speak([1, 2, 3])
    await expectEnd(client, 'bad_init')
  })

  it('half a sample at the end: the final comes first, then bad_audio, 4422', async () => {
    const client = await EdgeClient.ready(cluster.port)
    client.socket.send(Buffer.from([1, 0, 2, 0, 3]))
    client.json({ op: 'close', sid: 'a1' })
    await expectEnd(client, 'bad_audio')
    expect(client.heard.slice(-2).map((m) => m.op)).to.deep.equal(['final', 'error'])
    expect(client.finals).to.deep.equal([fakeTranscript([1, 2], 1)])
  })

  it('a message of 5 MB: 1009', async () => {
    const client = await EdgeClient.ready(cluster.port)
    client.socket.send(Buffer.alloc(5_000_000))
    expect(await client.closed()).to.equal(1009)
  })

  it('what is not offered: unsupported, 4415, with a list of what is', async () => {
    expect((await refusedInit({ sr: 4000 }, 'unsupported')).error?.message).to.match(/8000 to 48000/)
    expect((await refusedInit({ att_ctx: '70,3' }, 'unsupported')).error?.message).to.match(/70,0; 70,1; 70,6; 70,13/)
    expect((await refusedInit({ att_ctx: 'soon' }, 'unsupported')).error?.message).to.match(/70,1/)
    expect((await refusedInit({ decoder: 'lstm' }, 'unsupported')).error?.message).to.match(/rnnt, ctc/)
    expect((await refusedInit({ encoding: 'mp3' }, 'unsupported')).error?.message).to.match(
      /pcm_s16le, pcm_f32le, mulaw, alaw/,
    )
    expect((await refusedInit({ model: 'whale' }, 'unsupported')).error?.message).to.match(/demo-digits-en/)
  })

  it('a sid of 10 kB, with control characters, or with NATS wildcards: bad_init, 4400', async () => {
    for (const sid of ['x'.repeat(10_000), 'a\r\nPUB yap.bind.x 2\r\nhi', 'a\u0000', '*', '>', 'a.>', '', 7, null])
      await refusedInit({ sid }, 'bad_init')
  })

  it('a resume token that nobody issued: resume_lost, 4404', async () => {
    await refusedInit({ resume: { token: 'nobody', turn: 0, samples: 0 } }, 'resume_lost')
  })

  it('silence: idle_timeout, 4410', async () => {
    const client = await EdgeClient.ready(cluster.port)
    await expectEnd(client, 'idle_timeout')
  })

  it('a fragment bomb: closed by its kind, 1008', async () => {
    const client = await EdgeClient.ready(cluster.port)
    for (let i = 0; i <= LIMITS.clientFragmentsMax; i++) client.socket.send(Buffer.alloc(2), { fin: false })
    expect(await client.closed()).to.be.oneOf([1008, 1009])
  })

  it('a client that never reads: slow_client, and its socket is cut', async () => {
    const client = await EdgeClient.ready(cluster.port, { sid: 'reads-nothing' })
    const slow = [...cluster.workers[0]!.sessions.values()].at(-1)!.bind.session
    const padding = 'x'.repeat(300_000)
    cluster.workers[0]!.rewrite = (message, session) =>
      session === slow
        ? { ...message, results: message.results.slice(0, 2).map((r) => ({ ...r, text: padding })) }
        : message
    client.socket.pause()
    // More than what the kernel keeps for both ends of a connection.
    for (let i = 0; i < 40; i++) client.json({ op: 'finalize' })
    const talking = setInterval(() => client.speak([0]), 200)
    const counted = async (): Promise<boolean> =>
      /yap_client_errors_total\{code="slow_client"\} 1/.test(
        await (await fetch(`http://127.0.0.1:${cluster.port}/metrics`)).text(),
      )
    await eventually('it is called slow', counted, { withinMs: 20_000 }).finally(() => clearInterval(talking))
    client.socket.resume()
    expect(await client.closed()).to.be.oneOf([ERRORS.slow_client.close, 1006])
  }).timeout(30_000)

  it('half a handshake, and a socket that goes without a word: forgotten', async () => {
    const half: Socket = connectTcp(cluster.port, '127.0.0.1')
    half.on('error', () => {})
    half.write('GET / HTTP/1.1\r\nHost: x\r\nUpgra')
    const client = await EdgeClient.ready(cluster.port, { sid: 'vanishes' })
    client.speak(Array.from({ length: 4_000 }, () => 1))
    client.end()
    half.destroy()
    const worker = cluster.workers[0]!
    await eventually('its slot is freed', () => [...worker.sessions.values()].filter((s) => !s.released).length === 1)
  })

  it('a path that is none, and a web page of another origin: refused before the 101', async () => {
    const refused = async (path: string, headers: Record<string, string>): Promise<number> => {
      const client = new EdgeClient(cluster.port, path, { headers })
      return eventually('the handshake is refused', () => client.refusedStatus)
    }
    expect(await refused('/admin', {})).to.equal(404)
    expect(await refused('/v1/stream', { origin: 'http://evil.example' })).to.equal(403)
    const own = await EdgeClient.open(cluster.port, '/v1/stream', {
      headers: { origin: `http://localhost:${cluster.port}` },
    })
    own.end()
  })

  it('and through all of it the witness lost nothing', async () => {
    clearInterval(speaking)
    witness.json({ op: 'close' })
    expect(await witness.closed()).to.equal(1000)
    expect(witness.finals).to.deep.equal([fakeTranscript(said, 1)])
    expect(witness.error).to.equal(undefined)
  })

  it('nothing that a client said is in the log', () => {
    const { output } = cluster.edge
    for (const word of [witness.finals[0]!.split(' ')[0]!, 'witness', 'vanishes', 'PUB yap.bind.x', 'shout'])
      expect(output).to.not.include(word)
  })
})
