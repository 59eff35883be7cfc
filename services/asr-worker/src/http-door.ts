/** /healthz, /readyz, /metrics, and /status: the worker's numbers as JSON. */
import { createServer, type Server } from 'node:http'
import { closeServer, listen, serveHealth, type Readiness, type Telemetry } from '@yap/runtime'

export class HttpDoor {
  readonly #server: Server

  /** `status` is undefined until there is one. */
  constructor(readiness: Readiness, telemetry: Telemetry, status: () => object | undefined) {
    const limits = { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8_192 }
    this.#server = createServer(limits, (request, response) => {
      if (serveHealth(request, response, readiness, telemetry)) return
      const found = request.method === 'GET' && request.url?.split('?', 1)[0] === '/status' ? status() : undefined
      response.writeHead(found ? 200 : 404, {
        'content-type': found ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
      })
      response.end(found ? `${JSON.stringify(found)}\n` : 'not found\n')
    })
  }

  /** Listens; returns the port. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port)
  }

  stop(): Promise<void> {
    return closeServer(this.#server)
  }
}
