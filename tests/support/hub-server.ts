/**
 * A model hub on this machine that misbehaves as it is told: it breaks connections, changes files, refuses, redirects.
 * Every request is noted, so that a test can ask what was sent where.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HubFile {
  bytes: Buffer
  etag: string
}

export interface Seen {
  url: string
  range: string | undefined
  authorization: string | undefined
}

export class HubServer {
  readonly seen: Seen[] = []
  /** Files by name, of the one model that there is. */
  readonly files = new Map<string, HubFile>()
  readonly model: string
  url = ''
  /** Connections that end after so many bytes, one each; the rest are whole. */
  readonly breakAfter: number[] = []
  /** Answers to the next requests for files, instead of the file. */
  readonly refusals: { status: number; headers?: Record<string, string> }[] = []
  /** The checksum that is published; undefined: none. */
  sha256: string | undefined
  /** Large files are sent from there. */
  storage: HubServer | undefined
  hasListing = true
  /** Half of a file is sent, of the rest nothing, and connections stay open. */
  stalls = false
  ignoresRange = false
  /** Called after each broken connection. */
  onBreak: (() => void) | undefined
  #server: Server | undefined

  constructor(model: string) {
    this.model = model
  }

  add(name: string, bytes: Buffer): void {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    this.files.set(name, { bytes, etag: `"${sha256.slice(0, 32)}"` })
    this.sha256 = sha256
  }

  async start(): Promise<this> {
    this.#server = createServer((request, response) => this.#answer(request, response))
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)))
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', headers } = request
    const { range, authorization } = headers
    this.seen.push({ url, range, authorization })
    const path = new URL(url, this.url).pathname
    if (path.startsWith(`/api/models/${this.model}/`)) return this.#list(response)
    const refusal = this.refusals.shift()
    if (refusal) return void response.writeHead(refusal.status, refusal.headers).end('no')
    const name = path.split('/').at(-1)!
    const file = this.files.get(name)
    if (!file) return void response.writeHead(404).end('not found')
    const linked = this.sha256 ? { 'x-linked-etag': `"${this.sha256}"` } : {}
    if (this.storage) {
      const location = `${this.storage.url}/bucket/${name}?signature=secret`
      return void response.writeHead(302, { location, ...linked }).end()
    }
    this.#send(file, headers, response, linked)
  }

  #send(file: HubFile, asked: IncomingMessage['headers'], response: ServerResponse, headers: object): void {
    const { bytes, etag } = file
    const from = Number(/^bytes=(\d+)-$/.exec(asked.range ?? '')?.[1] ?? 0)
    const partial = from > 0 && !this.ignoresRange && asked['if-range'] === etag
    const body = partial ? bytes.subarray(from) : bytes
    const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
    response.writeHead(partial ? 206 : 200, {
      ...headers,
      ...(partial ? range : {}),
      etag,
      'content-length': body.length,
    })
    if (this.stalls) return void (partial || response.write(body.subarray(0, body.length / 2)))
    const breakAfter = this.breakAfter.shift()
    if (breakAfter === undefined) return void response.end(body)
    response.write(body.subarray(0, breakAfter), () => {
      this.onBreak?.()
      // What was written has left this process by then, so the other side has it before the end.
      setImmediate(() => response.socket?.destroySoon())
    })
  }

  #list(response: ServerResponse): void {
    if (!this.hasListing) return void response.writeHead(404).end('not found')
    const siblings = [...this.files.keys()].map((rfilename) => ({
      rfilename,
      ...(this.sha256 && { lfs: { sha256: this.sha256 } }),
    }))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ siblings, cardData: { license: 'cc-by-4.0' } }))
  }
}
