/**
 * The edge's one port: WebSockets at `/` and `/v1/stream`, the web page, `/v1/info`, probes and metrics. What a handshake can
 * be refused for is refused here, before the 101: path, Origin, too many sessions, draining.
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { LIMITS } from '@yap/protocol'
import { closeServer, listen, serveHealth, type Logger, type Readiness, type Telemetry } from '@yap/runtime'
import { WebSocketServer, type WebSocket } from 'ws'
import { isOriginAllowed, type OriginRule } from './origin.js'
import type { StaticFiles } from './static-files.js'

const WEBSOCKET_PATHS = new Set(['/', '/v1/stream'])
/** Probes, page loads and handshakes beside the sessions. */
const SPARE_CONNECTIONS = 200

export interface HttpDoorParts {
  readonly log: Logger
  readonly readiness: Readiness
  readonly telemetry: Telemetry
  readonly files: StaticFiles
  readonly sessionsMax: number
  readonly origin: Omit<OriginRule, 'port'>
  info(): object
  /** Why no client may come now, with the status for the handshake; undefined: it may. */
  refusal(): { status: 429 | 503; message: string } | undefined
  connected(socket: WebSocket): void
}

export class HttpDoor {
  readonly #parts: HttpDoorParts
  readonly #server: Server
  readonly #sockets = new WebSocketServer({
    noServer: true,
    // PCM hardly compresses, and every compressing socket would hold its own memory.
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: LIMITS.clientMessageBytesMax,
    maxFragments: LIMITS.clientFragmentsMax,
    maxBufferedChunks: LIMITS.clientChunksMax,
  })
  #port = 0

  constructor(parts: HttpDoorParts) {
    this.#parts = parts
    const limits = { requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, maxHeaderSize: 8_192 }
    this.#server = createServer(limits, (request, response) => this.#request(request, response))
    this.#server.maxConnections = parts.sessionsMax + SPARE_CONNECTIONS
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  get port(): number {
    return this.#port
  }

  async listen(host: string, port: number): Promise<number> {
    this.#port = await listen(this.#server, host, port)
    return this.#port
  }

  stop(): Promise<void> {
    return closeServer(this.#server)
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const { readiness, telemetry, files } = this.#parts
    if (serveHealth(request, response, readiness, telemetry)) return
    if (request.method === 'GET' && pathOf(request) === '/v1/info') {
      response.writeHead(200, {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      response.end(JSON.stringify(this.#parts.info()))
      return
    }
    if (files.serve(request, response)) return
    const status = request.method === 'GET' || request.method === 'HEAD' ? 404 : 405
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${STATUS_CODES[status]}\n`)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until the WebSocket has listeners of its own, a reset must not end the process.
    socket.on('error', ignoreError)
    if (!WEBSOCKET_PATHS.has(pathOf(request))) return refuse(socket, 404, 'WebSockets are at / and /v1/stream')
    const { origin } = request.headers
    if (!isOriginAllowed(origin, { ...this.#parts.origin, port: this.#port })) {
      this.#parts.log.warn(
        { origin },
        'a web page of another origin was refused; YAP_ORIGINS lists those that may connect',
      )
      return refuse(socket, 403, 'this origin may not connect')
    }
    const refusal = this.#parts.refusal()
    if (refusal) return refuse(socket, refusal.status, refusal.message)
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignoreError)
      this.#parts.connected(webSocket)
    })
    return undefined
  }
}

function ignoreError(): void {}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}

function refuse(socket: Duplex, status: number, message: string): void {
  const body = `${message}\n`
  const retry = status === 429 || status === 503 ? `retry-after: ${Math.ceil(LIMITS.retryAfterMs / 1000)}\r\n` : ''
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: text/plain; charset=utf-8\r\n${retry}`
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`)
}
