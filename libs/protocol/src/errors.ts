/**
 * Every error that a client can meet: one table, code -> WebSocket close code, gRPC status, whether to try again.
 *
 * Codes are stable; messages are for people and may change. 44xx below 4420, and 4422, mean "not like this": the same
 * request would fail again. The others pass with time and may be retried with backoff.
 */

export interface ErrorKind {
  /** Close code of the WebSocket. */
  readonly close: number
  /** Status in gRPC answers (numbers of google.rpc.Code). */
  readonly grpc: number
  /** Whether the same request may succeed later. */
  readonly retry: boolean
  /** What happened, in one phrase, for documentation. */
  readonly meaning: string
}

const GRPC = {
  INVALID: 3,
  DEADLINE: 4,
  NOT_FOUND: 5,
  DENIED: 7,
  EXHAUSTED: 8,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const

export const ERRORS = {
  bad_init: {
    close: 4400,
    grpc: GRPC.INVALID,
    retry: false,
    meaning: 'no init or a bad one, a second init, audio before init, or JSON that cannot be read',
  },
  unauthorized: { close: 4401, grpc: GRPC.UNAUTHENTICATED, retry: false, meaning: 'no valid key or ticket' },
  forbidden: { close: 4403, grpc: GRPC.DENIED, retry: false, meaning: 'the key may not do this' },
  resume_lost: {
    close: 4404,
    grpc: GRPC.NOT_FOUND,
    retry: false,
    meaning: 'the resume token is unknown or expired; begin anew',
  },
  init_timeout: { close: 4408, grpc: GRPC.DEADLINE, retry: false, meaning: 'no init within YAP_INIT_MS_MAX' },
  idle_timeout: {
    close: 4410,
    grpc: GRPC.DEADLINE,
    retry: false,
    meaning: 'nothing from the client for YAP_IDLE_MS_MAX',
  },
  session_too_long: {
    close: 4413,
    grpc: GRPC.EXHAUSTED,
    retry: false,
    meaning: 'the session reached YAP_SESSION_MS_MAX',
  },
  unsupported: {
    close: 4415,
    grpc: GRPC.INVALID,
    retry: false,
    meaning: 'sr, att_ctx, decoder, encoding or model is not offered; the message lists what is',
  },
  bad_audio: {
    close: 4422,
    grpc: GRPC.INVALID,
    retry: false,
    meaning: 'half a sample at the end; the final comes first',
  },
  slow_client: { close: 4429, grpc: GRPC.EXHAUSTED, retry: true, meaning: 'the client does not read its results' },
  too_large: { close: 1009, grpc: GRPC.INVALID, retry: true, meaning: 'a message above the size limit' },
  internal: { close: 1011, grpc: GRPC.INTERNAL, retry: true, meaning: 'the service failed' },
  draining: { close: 1012, grpc: GRPC.UNAVAILABLE, retry: true, meaning: 'this server is going away; connect again' },
  capacity: {
    close: 1013,
    grpc: GRPC.EXHAUSTED,
    retry: true,
    meaning: 'no worker has room; retry_after_ms says when to ask again',
  },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value)
}

/** The close code of a session that ended as its client wished. */
export const CLOSE_NORMAL = 1000

/** An error with a code of the table. The message gives the value and the limit. */
export class YapError extends Error {
  override readonly name = 'YapError'
  readonly code: ErrorCode
  /** Only with `capacity`: when to ask again. */
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }
}

/** A message between services that does not keep to the protocol. It is dropped and counted; it ends nobody's session. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}
