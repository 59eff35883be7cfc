import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import pino from 'pino'
import {
  ClientConnection,
  EdgeMetrics,
  ResumeTokens,
  slowMsMax,
  type SessionEvent,
  type SessionHandle,
} from '@yap/edge'
import { LIMITS, randomId } from '@yap/protocol'
import { loadConfig, startTelemetry, type Telemetry } from '@yap/runtime'
import type { WebSocket } from 'ws'
import { ManualClock } from '../../../support/manual-clock.js'

/** A WebSocket with the network taken out: what it was told is kept, what it hears the test says. */
class StillSocket extends EventEmitter {
  bufferedAmount = 0
  readonly sent: { op: string; code?: string }[] = []
  pings = 0
  terminated = false
  paused = false
  closedWith: number | undefined

  send(data: string, _options: object, sent: () => void): void {
    this.sent.push(JSON.parse(data) as { op: string })
    sent()
  }
  ping(): void {
    this.pings++
  }
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  close(code: number): void {
    this.closedWith = code
  }
  terminate(): void {
    this.terminated = true
    this.emit('close')
  }
}

describe('a client connection', () => {
  // Goal: dead, frozen and slow clients are noticed by the clock, and one that we ourselves do not read is not blamed for it.
  // Method: a socket without a network and a clock that the test moves.
  let telemetry: Telemetry
  let clock: ManualClock
  let socket: StillSocket
  let connection: ClientConnection
  let events: SessionEvent[]
  let closed: boolean
  let failing: boolean

  before(async () => {
    telemetry = await startTelemetry('edge', 'test', {})
  })
  after(() => telemetry.stop())

  beforeEach(() => {
    clock = new ManualClock()
    socket = new StillSocket()
    events = []
    closed = false
    failing = false
    const session: SessionHandle = {
      id: randomId(),
      handle(event) {
        if (failing && event.type !== 'gone') throw new TypeError('a bug')
        events.push(event)
      },
    }
    connection = new ClientConnection(socket as unknown as WebSocket, {
      settings: loadConfig({}),
      log: pino({ level: 'silent' }),
      clock,
      metrics: new EdgeMetrics(telemetry.meter, { sessions: () => 0, connections: () => 0, waitingMs: () => 0 }),
      tokens: new ResumeTokens('', 1000),
      lookAheads: () => ['70,13', '70,1'],
      open: () => session,
      closed: () => (closed = true),
    })
    clock.setInterval(() => connection.tick(clock.now()), 250)
  })

  const hear = (message: object): void => void socket.emit('message', Buffer.from(JSON.stringify(message)), false)
  const begin = (): void => hear({ op: 'init', sid: 'a1', sr: 16_000 })

  it('is given up when it answers no pings for half a minute, and its session is let go', () => {
    begin()
    clock.advance(LIMITS.clientPingMs * 3 - 1)
    expect(socket.terminated).to.equal(false)
    clock.advance(500)
    expect([socket.terminated, closed]).to.deep.equal([true, true])
    expect(events.at(-1)).to.deep.equal({ type: 'gone' })
  })

  it('lives as long as it answers', () => {
    begin()
    for (let i = 0; i < 20; i++) {
      clock.advance(LIMITS.clientPingMs)
      socket.emit('pong')
    }
    expect(socket.terminated).to.equal(false)
    expect(socket.pings).to.be.at.least(19)
  })

  it('is not pinged while we do not read it', () => {
    begin()
    connection.flow(false)
    expect(socket.paused).to.equal(true)
    clock.advance(LIMITS.clientPingMs * 10)
    expect([socket.pings, socket.terminated]).to.deep.equal([0, false])
    connection.flow(true)
    expect(socket.paused).to.equal(false)
  })

  it('is told slow_client when it reads nothing', () => {
    begin()
    socket.bufferedAmount = LIMITS.clientBufferedBytesMax + 1
    const final = { op: 'final', text: 'x', turn: 0, startMs: 0, endMs: 1, lagMs: 1 } as const
    connection.say(final)
    clock.advance(slowMsMax + 500)
    expect(socket.closedWith).to.equal(4429)
    expect(socket.sent.at(-1), 'before the close frame').to.include({ op: 'error', code: 'slow_client' })
    clock.advance(LIMITS.clientCloseMs + 500)
    expect(socket.terminated, 'it does not answer the close either').to.equal(true)
  })

  it('is told which look-aheads there are when it asks for one that cannot be read', () => {
    hear({ op: 'init', sid: 'a1', sr: 16_000, att_ctx: 'far' })
    const message = 'att_ctx "far" is not supported: 70,13; 70,1 are'
    expect(socket.sent.at(-1)).to.deep.equal({ op: 'error', sid: 'a1', code: 'unsupported', message })
    expect(socket.closedWith).to.equal(4415)
  })

  it('ends well whatever the sid of its close is', () => {
    begin()
    hear({ op: 'close', sid: null })
    expect(events.map((e) => e.type)).to.deep.equal(['start', 'close'])
  })

  it('is closed behind its last final, however late it reads that', () => {
    begin()
    const unread: (() => void)[] = []
    socket.send = (data, _options, sent) => {
      socket.sent.push(JSON.parse(data) as { op: string })
      unread.push(sent)
    }
    connection.say({ op: 'interim', text: 'x', turn: 0, offsetMs: 1, lagMs: 1 })
    socket.bufferedAmount = LIMITS.clientBufferedBytesMax + 1
    connection.say({ op: 'final', text: 'x', turn: 0, startMs: 0, endMs: 1, lagMs: 1 })
    connection.finish()
    clock.advance(slowMsMax / 2)
    expect([socket.closedWith, socket.terminated]).to.deep.equal([undefined, false])
    socket.bufferedAmount = 1
    for (const sent of unread.splice(0)) sent()
    clock.advance(500)
    expect([socket.sent.at(-1)?.op, socket.closedWith]).to.deep.equal(['final', 1000])
    // What was given to the socket is not all read yet.
    clock.advance(slowMsMax - 1000)
    expect(socket.terminated).to.equal(false)
    socket.bufferedAmount = 0
    clock.advance(500)
    expect(socket.terminated).to.equal(true)
  })

  it('has its init in time, or is told so', () => {
    clock.advance(5_500)
    expect(socket.closedWith).to.equal(4408)
    expect(socket.sent.at(-1)).to.include({ op: 'error', code: 'init_timeout' })
  })

  it("ends alone when its session's code fails on a message", () => {
    begin()
    failing = true
    hear({ op: 'finalize' })
    expect(events.at(-1)).to.deep.equal({ type: 'gone' })
    expect(socket.sent.at(-1)).to.include({ op: 'error', code: 'internal' })
  })

  it('hears nothing more after close', () => {
    begin()
    hear({ op: 'close' })
    hear({ op: 'finalize' })
    socket.emit('message', Buffer.alloc(4), true)
    expect(events.map((e) => e.type)).to.deep.equal(['start', 'close'])
    connection.finish()
    expect(socket.closedWith).to.equal(1000)
  })
})
