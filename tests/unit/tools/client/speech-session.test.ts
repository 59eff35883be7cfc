import { SessionError, SpeechSession, type SessionOptions } from '@yap/tools'
import { expect } from 'chai'
import { eventually } from '../../../support/eventually.js'
import { FakeEdge, fakeText, type FakeEdgeOptions } from '../../../support/fake-edge.js'

describe('SpeechSession', () => {
  // Goal: the protocol's order and waits are kept, and every way to fail becomes one error that says what happened.
  // Method: a fake edge in this process that behaves, or misbehaves as told.
  const edges: FakeEdge[] = []
  const sessions: SpeechSession[] = []
  afterEach(async () => {
    for (const session of sessions.splice(0)) session.terminate()
    for (const edge of edges.splice(0)) await edge.stop()
  })

  async function startEdge(options?: FakeEdgeOptions): Promise<FakeEdge> {
    const started = await FakeEdge.start(options)
    edges.push(started)
    return started
  }

  async function open(url: string, options: Partial<SessionOptions> = {}): Promise<SpeechSession> {
    const session = await SpeechSession.open({ url, ...options })
    sessions.push(session)
    return session
  }

  const second = new Uint8Array(32_000)

  it('sends init with its options first and waits for ready', async () => {
    const { url, inits } = await startEdge()
    const session = await open(url, { init: { sid: 'a1', sr: 8000, att_ctx: '70,6', decoder: 'ctc', words: true } })
    expect(inits).to.deep.equal([{ op: 'init', sid: 'a1', sr: 8000, att_ctx: '70,6', decoder: 'ctc', words: true }])
    expect(session.ready?.model).to.equal('fake')
  })

  it('goes on without ready with a server that sends none', async () => {
    const { url } = await startEdge({ noReady: true })
    const session = await open(url, { readyMsMax: 20 })
    session.send(second)
    await session.close()
    expect(session.ready).to.equal(undefined)
    expect(session.text).to.equal('zero one')
  })

  it('gives each finalize its final, and close the last one', async () => {
    const { url, closeCodes } = await startEdge()
    const session = await open(url)
    session.send(second)
    expect((await session.finalize()).text).to.equal('zero one')
    expect((await session.finalize()).text).to.equal('')
    session.send(second)
    await session.close()
    expect(await session.ended).to.deep.equal({ code: 1000, reason: '' })
    expect(session.finals.map((final) => final.text)).to.deep.equal(['zero one', '', 'zero one'])
    expect(session.text).to.equal('zero one zero one')
    await eventually('the server has seen the close', () => closeCodes.length === 1)
    expect(closeCodes).to.deep.equal([1000])
  })

  it('hands every message on, with its time', async () => {
    const { url } = await startEdge()
    const heard: string[] = []
    const session = await open(url, {
      onMessage: (message, atMs) => {
        expect(atMs).to.be.closeTo(performance.now(), 5000)
        heard.push(message.op)
      },
    })
    session.send(second)
    await session.close()
    expect(heard).to.deep.equal(['ready', 'interim', 'final'])
  })

  it('says that nobody listens', async () => {
    const { url } = await startEdge()
    await edges.pop()!.stop()
    const error = await failure(open(url))
    expect(error.code).to.equal('unreachable')
    expect(error.message).to.equal(
      `cannot connect to ${url}: connection refused; is the service running? (\`npm start\`)`,
    )
  })

  for (const [status, code, words] of [
    [429, 'capacity', 'no room'],
    [401, 'unauthorized', 'a valid key is needed'],
    [404, 'unreachable', 'does not speak WebSocket (HTTP 404)'],
  ] as const) {
    it(`says what HTTP ${status} means`, async () => {
      const error = await failure(open((await startEdge({ httpStatus: status })).url))
      expect(error.code).to.equal(code)
      expect(error.message).to.include(words)
      if (status === 429) expect(error.retryAfterMs).to.equal(2000)
    })
  }

  it('says what the server refused, and when to come back', async () => {
    const refusal = { code: 'capacity', message: 'all 4 slots are taken', close: 1013, retryAfterMs: 500 }
    const error = await failure(open((await startEdge({ refuse: () => refusal })).url))
    expect(error).to.include({ code: 'capacity', closeCode: 1013, retryAfterMs: 500 })
    expect(error.message).to.equal('the server refused: capacity: all 4 slots are taken (try again in 500 ms)')
  })

  for (const [how, code, words] of [
    ['cut', 'lost', 'lost without a close frame'],
    [1012, 'draining', 'closed with 1012 draining'],
    [1011, 'internal', 'closed with 1011 internal'],
    [4999, 'closed', 'closed with 4999: as told'],
    [1000, 'closed', 'closed with 1000: as told'],
  ] as const) {
    it(`tells a close that nobody asked for (${how})`, async () => {
      const session = await open((await startEdge({ failAfter: { samples: 100, how } })).url)
      session.send(second)
      const { code: closeCode } = await session.ended
      expect(closeCode).to.equal(how === 'cut' ? 1006 : how)
      const error = await failure(session.close())
      expect(error.code).to.equal(code)
      expect(error.message).to.include(words)
      expect(() => session.send(second)).to.throw(SessionError)
    })
  }

  it('gives up on a server that says nothing', async () => {
    const { url } = await startEdge({ failAfter: { samples: 100, how: 'mute' } })
    const session = await open(url, { silenceMsMax: 60 })
    session.send(second)
    const error = await failure(session.close())
    expect(error.message).to.equal('the server said nothing for 60 ms')
  })

  it('lets go at once when it is told to stop', async () => {
    const stop = new AbortController()
    const session = await open((await startEdge()).url, { signal: stop.signal })
    const final = failure(session.nextFinal())
    stop.abort()
    expect((await final).code).to.equal('aborted')
    expect((await session.ended).code).to.equal(1006)
    expect((await failure(open(session.url, { signal: stop.signal }))).code).to.equal('aborted')
  })

  it('waits while the server does not read, and loses nothing', async () => {
    const { url } = await startEdge()
    const session = await open(url)
    for (let i = 0; i < 600; i++) {
      await session.writable()
      session.send(second)
    }
    await session.close()
    expect(session.text.length).to.equal(fakeText(600 * 16_000).length)
  })
})

async function failure(work: Promise<unknown>): Promise<SessionError> {
  const outcome = await work.catch((error: unknown) => error)
  expect(outcome).to.be.instanceOf(SessionError)
  expect((outcome as Error).message).to.not.include('\n')
  return outcome as SessionError
}
