/**
 * Why a session could not begin or go on, in words.
 *
 * `code` is the server's own error code where it gave one; otherwise how the connection failed.
 */
import { ERRORS, isErrorCode, type ErrorCode } from '@yap/protocol'

export type SessionErrorCode =
  | ErrorCode
  | 'unreachable' // no connection could be made
  | 'lost' // the connection broke, without a close frame
  | 'closed' // the server closed with a code that says no more
  | 'silent' // the server said nothing for too long
  | 'aborted' // we were told to stop

export class SessionError extends Error {
  override readonly name = 'SessionError'
  readonly code: SessionErrorCode
  readonly closeCode: number | undefined
  /** When the server asked us to try again. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: SessionErrorCode,
    message: string,
    details: { closeCode?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.closeCode = details.closeCode
    this.retryAfterMs = details.retryAfterMs
  }
}

/** From the server's error message. */
export function refusal(code: string, message: string, details: { retryAfterMs?: number }): SessionError {
  const hint = details.retryAfterMs === undefined ? '' : ` (try again in ${details.retryAfterMs} ms)`
  const said = `the server refused: ${code}: ${message}${hint}`
  return isErrorCode(code)
    ? new SessionError(code, said, { closeCode: ERRORS[code].close, ...details })
    : new SessionError('closed', said, details)
}

/** From a close frame that no error message came before. */
export function closure(closeCode: number, reason: string): SessionError {
  if (closeCode === 1006)
    return new SessionError('lost', 'the connection was lost without a close frame: server killed, or network broken', {
      closeCode,
    })
  const known = (Object.keys(ERRORS) as ErrorCode[]).find((code) => ERRORS[code].close === closeCode)
  const said = reason ? `: ${reason}` : ''
  if (known)
    return new SessionError(known, `the server closed with ${closeCode} ${known} (${ERRORS[known].meaning})${said}`, {
      closeCode,
    })
  return new SessionError('closed', `the server closed with ${closeCode}${said}`, { closeCode })
}

/** From an HTTP answer where a WebSocket should have begun. */
export function handshakeRefusal(url: string, status: number, retryAfterS: string | undefined): SessionError {
  const retryAfterMs = retryAfterS && Number.isFinite(Number(retryAfterS)) ? Number(retryAfterS) * 1000 : undefined
  const details = retryAfterMs === undefined ? {} : { retryAfterMs }
  switch (status) {
    case 401:
      return new SessionError('unauthorized', `${url} refused the connection: a valid key is needed (HTTP 401)`)
    case 403:
      return new SessionError('forbidden', `${url} refused the connection (HTTP 403)`)
    case 429:
    case 503:
      return new SessionError('capacity', `${url} has no room for another session now (HTTP ${status})`, details)
    default:
      return new SessionError('unreachable', `${url} does not speak WebSocket (HTTP ${status})`)
  }
}

export function unreachable(url: string, cause: NodeJS.ErrnoException): SessionError {
  const why: Record<string, string> = {
    ECONNREFUSED: 'connection refused; is the service running? (`npm start`)',
    ENOTFOUND: 'no such host',
    EAI_AGAIN: 'no such host (name service did not answer)',
    ETIMEDOUT: 'no answer',
    ECONNRESET: 'the other side hung up',
    EPROTO: 'TLS failed; does the server speak wss?',
  }
  return new SessionError('unreachable', `cannot connect to ${url}: ${why[cause.code ?? ''] ?? cause.message}`, {
    cause,
  })
}
