/**
 * The token of `ready`: proves the right to go on counting a session's turns at any edge that shares the secret. It holds no
 * state and opens nothing else. `<expiry, unix s>.<session>.<HMAC-SHA-256 of both>`.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Id } from '@yap/protocol'

export class ResumeTokens {
  readonly #secret: string | Buffer
  readonly #lifetimeMs: number

  /** Without a secret, tokens are good at this process only. */
  constructor(secret: string, lifetimeMs: number) {
    this.#secret = secret || randomBytes(32)
    this.#lifetimeMs = lifetimeMs
  }

  issue(session: Id, nowUnixMs: number): string {
    const body = `${Math.ceil((nowUnixMs + this.#lifetimeMs) / 1000)}.${session}`
    return `${body}.${this.#mac(body)}`
  }

  /** Whether we, or an edge with the same secret, issued it not too long ago. */
  isValid(token: string, nowUnixMs: number): boolean {
    const match = /^(\d{1,12})\.[0-9a-z]{1,32}\.([\w-]{43})$/.exec(token)
    if (!match) return false
    const expected = Buffer.from(this.#mac(token.slice(0, token.lastIndexOf('.'))))
    const given = Buffer.from(match[2]!)
    return timingSafeEqual(expected, given) && Number(match[1]) * 1000 > nowUnixMs
  }

  #mac(body: string): string {
    return createHmac('sha256', this.#secret).update(`yap-resume ${body}`).digest('base64url')
  }
}
