/**
 * A WebSocket server that speaks the client protocol and holds no model: one word per half second of audio that it got,
 * so that a lost or doubled byte shows in the text. It can also misbehave, as told.
 */
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:http'
import { WebSocketServer, type WebSocket } from 'ws'

export interface FakeEdgeOptions {
  /** Sends no `ready`, as a server that knows only the oldest messages. */
  noReady?: boolean
  /** Answers `init` with this error and close code; asked anew for every session, undefined lets it in. */
  refuse?: () => { code: string; message: string; close: number; retryAfterMs?: number } | undefined
  /** Answers the handshake with this HTTP status. */
  httpStatus?: number
  /** After so many samples: drops the socket ('cut'), closes it with a code, or says nothing any more ('mute'). */
  failAfter?: { samples: number; how: 'cut' | 'mute' | number }
}

const wordSamples = 8000
const digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']

/** What the fake edge hears in so many samples. */
export function fakeText(samples: number): string {
  return Array.from({ length: Math.floor(samples / wordSamples) }, (_, i) => digits[i % 10]!).join(' ')
}

export class FakeEdge {
  readonly url: string
  /** The init messages, in the order of their arrival. */
  readonly inits: Record<string, unknown>[] = []
  /** Bytes of each binary message, over all sessions. */
  readonly frameBytes: number[] = []
  readonly closeCodes: number[] = []
  live = 0
  liveMax = 0
  readonly #http: Server
  readonly #sockets: WebSocketServer

  static async start(options: FakeEdgeOptions = {}): Promise<FakeEdge> {
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return new FakeEdge(http, options)
  }

  private constructor(http: Server, options: FakeEdgeOptions) {
    this.#http = http
    this.url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/`
    this.#sockets = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request, socket, head) => {
      if (options.httpStatus) {
        socket.end(
          `HTTP/1.1 ${options.httpStatus} No\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        )
        return
      }
      this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#serve(ws, options))
    })
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#http.closeAllConnections()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  #serve(socket: WebSocket, options: FakeEdgeOptions): void {
    let sid = ''
    let turn = 0
    let turnStart = 0
    let samples = 0
    let spoken = 0
    let mute = false
    this.live++
    this.liveMax = Math.max(this.liveMax, this.live)
    socket.on('close', (code) => {
      this.live--
      this.closeCodes.push(code)
    })
    const say = (message: object): void => {
      if (!mute) socket.send(JSON.stringify({ sid, ts: Date.now(), ...message }))
    }
    const interim = (): void =>
      say({
        op: 'interim',
        final: false,
        text: fakeText(samples - turnStart),
        turn,
        offset_ms: samples / 16,
        lag_ms: 0,
      })
    const final = (): void => {
      say({ op: 'final', final: true, text: fakeText(samples - turnStart), turn: turn++, offset_ms: samples / 16 })
      turnStart = samples
      spoken = 0
    }
    const fail = (how: 'cut' | 'mute' | number): void => {
      if (how === 'cut') socket.terminate()
      else if (how === 'mute') mute = true
      else socket.close(how, 'as told')
    }
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.frameBytes.push(data.length)
        samples += data.length / 2
        if (options.failAfter && samples >= options.failAfter.samples) fail(options.failAfter.how)
        const words = Math.floor((samples - turnStart) / wordSamples)
        if (words > spoken) interim()
        spoken = words
        return
      }
      const message = JSON.parse(String(data)) as Record<string, unknown>
      if (message.op === 'init') {
        this.inits.push(message)
        sid = String(message.sid)
        const refusal = options.refuse?.()
        if (refusal) {
          say({ op: 'error', code: refusal.code, message: refusal.message, retry_after_ms: refusal.retryAfterMs })
          socket.close(refusal.close)
        } else if (!options.noReady)
          say({ op: 'ready', session: 's', model: 'fake', att_ctx: '70,1', decoder: 'rnnt', chunk_ms: 160, resume: '' })
      } else final()
      if (message.op === 'close' && !mute) socket.close(1000)
    })
  }
}
