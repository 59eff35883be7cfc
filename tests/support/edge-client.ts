/** A WebSocket client written against the protocol's text: sends what a test says, keeps what it hears. */
import { WebSocket, type ClientOptions } from 'ws'
import { eventually } from './eventually.js'

export interface Heard {
  op: string
  sid?: string
  text?: string
  turn?: number
  code?: string
  message?: string
  retry_after_ms?: number
  [more: string]: unknown
}

export class EdgeClient {
  readonly socket: WebSocket
  readonly heard: Heard[] = []
  /** Close code; undefined while open. 1006: without a close frame. */
  closeCode: number | undefined
  /** Status of a refused handshake. */
  refusedStatus: number | undefined

  constructor(port: number, path = '/', options: ClientOptions = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false, ...options })
    this.socket.on('message', (data) => this.heard.push(JSON.parse(String(data)) as Heard))
    this.socket.on('close', (code) => (this.closeCode = code))
    this.socket.on('unexpected-response', (request, response) => {
      this.refusedStatus = response.statusCode
      request.destroy()
    })
    this.socket.on('error', () => {})
  }

  static async open(port: number, path = '/', options: ClientOptions = {}): Promise<EdgeClient> {
    const client = new EdgeClient(port, path, options)
    await eventually('the socket is open', () => client.socket.readyState === WebSocket.OPEN)
    return client
  }

  /** Opens, sends init and waits for ready. */
  static async ready(port: number, init: object = {}, path = '/'): Promise<EdgeClient> {
    const client = await EdgeClient.open(port, path)
    client.init(init)
    await client.hears('ready')
    return client
  }

  init(over: object = {}): void {
    this.json({ op: 'init', sid: 'a1', sr: 16_000, ...over })
  }

  json(message: object): void {
    this.socket.send(JSON.stringify(message))
  }

  /** PCM16 little endian. */
  speak(samples: ArrayLike<number>): void {
    this.socket.send(Buffer.from(Int16Array.from(samples).buffer))
  }

  /** Waits for a message of this kind, the `n`-th from 1. */
  hears(op: string, n = 1, withinMs = 5_000): Promise<Heard> {
    return eventually(`${op} number ${n} is heard`, () => this.heard.filter((m) => m.op === op)[n - 1], { withinMs })
  }

  /** Waits for the close and returns its code. */
  closed(withinMs = 5_000): Promise<number> {
    return eventually('the socket is closed', () => this.closeCode, { withinMs })
  }

  get error(): Heard | undefined {
    return this.heard.find((m) => m.op === 'error')
  }

  get finals(): string[] {
    return this.heard.filter((m) => m.op === 'final').map((m) => m.text ?? '')
  }

  end(): void {
    this.socket.terminate()
  }
}
