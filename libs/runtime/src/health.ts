/** /healthz (the process runs), /readyz (it can serve; else 503 and why not) and /metrics, for any http server. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Telemetry } from './telemetry.js'

/** Named conditions of readiness; undefined: met, text: what is missing. */
export class Readiness {
  readonly #conditions = new Map<string, () => string | undefined>()

  add(name: string, missing: () => string | undefined): void {
    this.#conditions.set(name, missing)
  }

  /** What is missing, as "name: why". */
  missing(): string[] {
    const found: string[] = []
    for (const [name, check] of this.#conditions) {
      const why = check()
      if (why !== undefined) found.push(`${name}: ${why}`)
    }
    return found
  }
}

/** Answers one of the three paths; false: the request is for somebody else. */
export function serveHealth(
  request: IncomingMessage,
  response: ServerResponse,
  readiness: Readiness,
  telemetry: Telemetry,
): boolean {
  const path = (request.url ?? '').split('?', 1)[0]
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  if (path === '/healthz') plain(response, 200, 'ok\n')
  else if (path === '/readyz') {
    const missing = readiness.missing()
    if (missing.length === 0) plain(response, 200, 'ready\n')
    else plain(response, 503, `not ready\n${missing.join('\n')}\n`)
  } else if (path === '/metrics') telemetry.serve(request, response)
  else return false
  return true
}

function plain(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  response.end(body)
}

/** A small http server for services that have no other. */
export class HealthServer {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start(o: {
    host: string
    port: number
    readiness: Readiness
    telemetry: Telemetry
  }): Promise<HealthServer> {
    const server = createServer(
      { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8_192 },
      (request, response) => {
        if (!serveHealth(request, response, o.readiness, o.telemetry)) plain(response, 404, 'not found\n')
      },
    )
    const port = await listen(server, o.host, o.port)
    return new HealthServer(server, port)
  }

  stop(): Promise<void> {
    return closeServer(this.#server)
  }
}

/** Listens and says on which port; an address in use is an error that names it. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} on ${host} is in use by another program`, { cause: error })
          : error,
      )
    }
    server.once('error', fail)
    server.listen({ host, port }, () => {
      server.off('error', fail)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
