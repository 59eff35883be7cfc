/** The web page: a few files, read once at start. What is not among them is not served, so no path can lead elsewhere. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
}

/** The page loads nothing from elsewhere, is framed by nobody, and talks to its own host only. */
const SECURITY: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; " +
    "connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'microphone=(self)',
  'cross-origin-opener-policy': 'same-origin',
}

interface StaticFile {
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

export class StaticFiles {
  readonly #files = new Map<string, StaticFile>()

  static async load(folder: string): Promise<StaticFiles> {
    const files = new StaticFiles()
    const names = await readdir(folder, { recursive: true })
    for (const name of names) {
      const type = TYPES[extname(name)]
      if (!type) continue
      const body = await readFile(join(folder, name))
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
      files.#files.set(`/${name.replaceAll('\\', '/')}`, { body, type, etag })
    }
    const index = files.#files.get('/index.html')
    if (index) files.#files.set('/', index)
    return files
  }

  /** Answers a GET or HEAD for one of the files; false: there is no such file. */
  serve(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false
    const file = this.#files.get((request.url ?? '').split('?', 1)[0] ?? '')
    if (!file) return false
    const headers = { ...SECURITY, 'content-type': file.type, etag: file.etag, 'cache-control': 'no-cache' }
    if (request.headers['if-none-match'] === file.etag) response.writeHead(304, headers).end()
    else
      response
        .writeHead(200, { ...headers, 'content-length': file.body.length })
        .end(request.method === 'HEAD' ? undefined : file.body)
    return true
  }
}
