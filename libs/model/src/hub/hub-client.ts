/**
 * Requests to a model hub. Redirects are followed by hand, because the token must not leave the hub's own origin:
 * large files lie with another host, which is given a signed address instead.
 */
import { ModelError } from '../model-error.js'

export interface HubOptions {
  /** Default: HF_ENDPOINT, or the public hub. */
  endpoint?: string
  /** Default: HF_TOKEN; empty: none. Sent to the endpoint's origin alone, and never shown. */
  token?: string
}

const PUBLIC_HUB = 'https://huggingface.co'
const REDIRECTS_MAX = 8

export interface HubResponse {
  /** Of the last hop: status, headers and body. */
  readonly response: Response
  /** Of the hub itself, before any redirect: it tells the checksum of the file that lies elsewhere. */
  readonly hubHeaders: Headers
}

export class HubClient {
  readonly endpoint: string
  readonly #token: string | undefined

  constructor(options: HubOptions = {}) {
    const endpoint = options.endpoint ?? (process.env.HF_ENDPOINT || PUBLIC_HUB)
    this.endpoint = endpoint.replace(/\/+$/, '')
    this.#token = (options.token ?? process.env.HF_TOKEN)?.trim() || undefined
    if (!URL.canParse(this.endpoint) || !/^https?:$/.test(new URL(this.endpoint).protocol)) {
      throw new ModelError('fetch', `HF_ENDPOINT is no address: ${JSON.stringify(endpoint)}; it begins with https://`)
    }
  }

  get hasToken(): boolean {
    return this.#token !== undefined
  }

  /** GET; throws what fetch throws where no answer comes, and ModelError where the answer leads nowhere. */
  async get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<HubResponse> {
    const home = new URL(this.endpoint).origin
    let url = new URL(`${this.endpoint}${path}`)
    let hubHeaders: Headers | undefined
    for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
      // Not compressed on the way: a range counts the file's own bytes.
      const sent: Record<string, string> = { ...headers, 'accept-encoding': 'identity', 'user-agent': 'yap' }
      if (this.#token && url.origin === home) sent.authorization = `Bearer ${this.#token}`
      const response = await fetch(url, { headers: sent, redirect: 'manual', signal })
      const location = response.headers.get('location')
      hubHeaders = mergedHeaders(hubHeaders, response.headers)
      if (response.status < 300 || response.status > 399 || !location) return { response, hubHeaders }
      await response.body?.cancel()
      if (!URL.canParse(location, url.href)) break
      url = new URL(location, url)
    }
    throw new ModelError('fetch', `${this.endpoint}${path}: more than ${REDIRECTS_MAX} redirects, or one to nowhere`)
  }
}

/** What an earlier hop said holds: the hub knows the file, the host that stores it only the bytes. */
function mergedHeaders(earlier: Headers | undefined, later: Headers): Headers {
  const merged = new Headers(later)
  for (const [name, value] of earlier ?? []) if (name.startsWith('x-')) merged.set(name, value)
  return merged
}
