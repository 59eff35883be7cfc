import { expect } from 'chai'
import { serverMessageSchema } from '@yap/protocol'
import { fakeTranscript } from '../support/fake-worker-session.js'
import { EdgeClient } from '../support/edge-client.js'
import { EdgeCluster } from '../support/edge-cluster.js'
import { eventually } from '../support/eventually.js'

const ramp = (n: number): number[] => Array.from({ length: n }, (_, i) => ((i * 37) % 20_000) - 10_000)

describe('the protocol', () => {
  // Goal: every message of docs/PROTOCOL.md does what it says. Method: real nats-server, router and edge; a worker whose text
  // is a hash of the samples that it got, so that encodings and cuts show.
  let cluster: EdgeCluster

  before(async function () {
    this.timeout(60_000)
    cluster = await EdgeCluster.start({ workers: 2 })
    await eventually('a session is placed', async () => {
      const probe = await EdgeClient.open(cluster.port)
      probe.init()
      const first = await eventually('an answer', () => probe.heard[0])
      probe.end()
      return first.op === 'ready'
    })
  })

  after(async function () {
    this.timeout(20_000)
    await cluster?.stop()
  })

  it('ready, interims, finals, close 1000, at both paths, and every message keeps to the schema', async () => {
    for (const path of ['/', '/v1/stream']) {
      const client = await EdgeClient.ready(cluster.port, { sid: 'a1' }, path)
      expect(await client.hears('ready')).to.include({
        sid: 'a1',
        model: 'demo-digits-en',
        att_ctx: '70,1',
        decoder: 'rnnt',
        chunk_ms: 160,
      })
      client.speak(ramp(8_000))
      client.json({ op: 'finalize' })
      client.json({ op: 'finalize' })
      client.json({ op: 'close', sid: 'a1' })
      expect(await client.closed()).to.equal(1000)
      for (const message of client.heard)
        expect(serverMessageSchema.safeParse(message).error, JSON.stringify(message)).to.equal(undefined)
      const finals = client.heard.filter((m) => m.op === 'final')
      expect(finals.map((m) => [m.turn, m.text, m.final])).to.deep.equal([
        [0, fakeTranscript(ramp(8_000), 1), true],
        [1, '', true],
        [2, '', true],
      ])
      expect(finals[0]).to.include({ start_ms: 0, end_ms: 500 })
      expect(
        client.heard.filter((m) => m.op === 'interim' && m.final === false && typeof m.ts === 'number'),
      ).to.have.length(3)
    }
  })

  it('takes audio straight after init, frames of any length, and samples cut in two', async () => {
    const client = await EdgeClient.open(cluster.port)
    client.init()
    const samples = ramp(10_000)
    const bytes = Buffer.from(Int16Array.from(samples).buffer)
    for (let at = 0, n = 1; at < bytes.length; at += n, n = ((n * 7) % 1280) + 1)
      client.socket.send(bytes.subarray(at, at + n))
    client.json({ op: 'close' })
    expect(await client.closed()).to.equal(1000)
    expect(client.finals).to.deep.equal([fakeTranscript(samples, 1)])
  })

  it('shows the last words to a client that only stops sending', async () => {
    const client = await EdgeClient.ready(cluster.port)
    client.speak(ramp(1_000))
    expect(await client.hears('interim', 1, 1_000)).to.include({ text: fakeTranscript(ramp(1_000), 1), turn: 0 })
    client.end()
  })

  it('offers every look-ahead, its aliases and both decoders, per session', async () => {
    for (const [asked, name, chunk] of [
      ['70,0', '70,0', 80],
      ['70,6', '70,6', 560],
      ['70,16', '70,6', 560],
      ['70,33', '70,13', 1120],
    ] as const) {
      const client = await EdgeClient.ready(cluster.port, { att_ctx: asked, decoder: 'ctc' })
      expect(client.heard[0]).to.include({ att_ctx: name, chunk_ms: chunk, decoder: 'ctc' })
      client.end()
    }
    expect(cluster.edge.output).to.match(/att_ctx 70,16 is an alias of 70,6/)
  })

  it('takes every encoding and rate', async () => {
    const samples = ramp(8_000)
    const floats = Buffer.from(Float32Array.from(samples, (s) => s / 32768).buffer)
    const f32 = await EdgeClient.ready(cluster.port, { encoding: 'pcm_f32le' })
    f32.socket.send(floats)
    f32.json({ op: 'close' })
    await f32.closed()
    expect(f32.finals).to.deep.equal([fakeTranscript(samples, 1)])
    for (const [encoding, sr, bytes] of [
      ['mulaw', 8_000, 1],
      ['alaw', 8_000, 1],
      ['pcm_s16le', 44_100, 2],
      ['pcm_s16le', 48_000, 2],
    ] as const) {
      const client = await EdgeClient.ready(cluster.port, { encoding, sr })
      client.socket.send(Buffer.alloc(sr * bytes))
      client.json({ op: 'close' })
      expect(await client.closed(), `${encoding} at ${sr}`).to.equal(1000)
      expect(client.heard.at(-1)).to.include({ op: 'final', end_ms: 1000 })
    }
  })

  it("interims as asked, words with times of the session, acknowledgements in the client's samples", async () => {
    const silent = await EdgeClient.ready(cluster.port, { interim: false })
    silent.speak(ramp(16_000))
    silent.json({ op: 'close' })
    await silent.closed()
    expect(silent.heard.map((m) => m.op)).to.deep.equal(['ready', 'final'])
    const words = await EdgeClient.ready(cluster.port, { words: true, ack: true, sr: 8_000 })
    words.socket.send(Buffer.alloc(8_000))
    words.json({ op: 'finalize' })
    await words.hears('final')
    words.socket.send(Buffer.alloc(8_000))
    words.json({ op: 'finalize' })
    const second = await words.hears('final', 2)
    expect((second.words as { start_ms: number; end_ms: number }[])[0]).to.include({ start_ms: 500, end_ms: 580 })
    expect(await words.hears('ack'))
      .to.have.property('samples')
      .that.is.oneOf([4_000, 8_000])
    words.end()
  })

  it('paces a client that dumps a file, and loses none of it', async () => {
    const client = await EdgeClient.ready(cluster.port)
    const samples = ramp(60 * 16_000)
    for (let at = 0; at < samples.length; at += 16_000) client.speak(samples.slice(at, at + 16_000))
    client.json({ op: 'close' })
    expect(await client.closed(20_000)).to.equal(1000)
    expect(client.finals).to.deep.equal([fakeTranscript(samples, 1)])
  }).timeout(30_000)

  it('counts on after a resume', async () => {
    const first = await EdgeClient.ready(cluster.port)
    const token = first.heard[0]!.resume
    first.end()
    const again = await EdgeClient.ready(cluster.port, { resume: { token, turn: 4, samples: 32_000 } })
    expect(await again.hears('resumed')).to.include({ samples: 32_000 })
    again.speak(ramp(1_600))
    again.json({ op: 'close' })
    await again.closed()
    expect(again.heard.find((m) => m.op === 'final')).to.include({ turn: 4, start_ms: 2_000, end_ms: 2_100 })
  })

  it('tells what it offers at /v1/info, and serves the page', async () => {
    const info = (await (await fetch(`http://127.0.0.1:${cluster.port}/v1/info`)).json()) as {
      model: { name: string; knows: string }
      look_aheads: unknown[]
    }
    expect(info.model).to.include({ name: 'demo-digits-en', knows: 'English digits' })
    expect(info.look_aheads[1]).to.deep.equal({ name: '70,1', latency_ms: 80, chunk_ms: 160 })
    const page = await fetch(`http://127.0.0.1:${cluster.port}/`)
    expect(page.headers.get('content-type')).to.match(/text\/html/)
    expect((await fetch(`http://127.0.0.1:${cluster.port}/metrics`)).status).to.equal(200)
  })
})
