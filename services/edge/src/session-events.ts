/** What happens to a session, and what it wants done about it. The core knows these and nothing else. */
import type {
  AudioHeader,
  BindRequest,
  BindResponse,
  ClientWord,
  DecoderName,
  ErrorCode,
  Id,
  TextMessage,
} from '@yap/protocol'

/** What the client asked for, resolved against what this service offers. */
export interface SessionOptions {
  readonly session: Id
  readonly edge: Id
  readonly zone: string
  /** "70,1" */
  readonly lookAhead: string
  readonly decoder: DecoderName
  /** Empty: any. */
  readonly model: string
  readonly words: boolean
  readonly interim: 'step' | 'change' | false
  readonly endpointMs: number | null
  /** Rate of the client's own samples. */
  readonly rateHz: number
  /** The client wants `ack` messages. */
  readonly ack: boolean
  /** Where counting starts: 0, or where the resumed turn began. */
  readonly turn: number
  readonly clientSamples: number
}

export interface SessionLimits {
  readonly windowMs: number
  readonly idleFlushMs: number
  readonly ringMsMax: number
  readonly sessionMsMax: number
  readonly idleMsMax: number
}

/** Where a session stands; drawn in the header of session-core.ts. */
export const SessionPhase = {
  PLACING: 'placing',
  BINDING: 'binding',
  STREAMING: 'streaming',
  LEAVING: 'leaving',
  ENDED: 'ended',
} as const
export type SessionPhase = (typeof SessionPhase)[keyof typeof SessionPhase]

/** Where a router would put the session. */
export interface Placement {
  readonly worker: Id
  readonly standby: Id | undefined
  readonly model: string
  readonly modelHash: string
  readonly lookAhead: string
  readonly right: number
}

export type SessionEvent =
  | { readonly type: 'start' }
  | { readonly type: 'placed'; readonly placement: Placement }
  | { readonly type: 'refused'; readonly code: ErrorCode; readonly message: string; readonly retryAfterMs?: number }
  /** Answer to a bind; `silent`: none came in time. */
  | { readonly type: 'bound'; readonly epoch: number; readonly response: BindResponse | { readonly status: 'silent' } }
  /** 16 kHz samples. */
  | { readonly type: 'audio'; readonly pcm: Int16Array }
  /** `clientSamples`: samples that the client has sent in all. */
  | { readonly type: 'finalize'; readonly clientSamples: number }
  | { readonly type: 'close'; readonly clientSamples: number; readonly halfSample: boolean }
  /** The socket is gone, or was closed for a reason of its own. */
  | { readonly type: 'gone' }
  /** End it with this error. */
  | { readonly type: 'fail'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'text'; readonly message: TextMessage }
  | { readonly type: 'worker-lost'; readonly worker: Id }
  | { readonly type: 'worker-draining'; readonly worker: Id }
  /** This process was deaf (no NATS, or frozen): silence since then means nothing. */
  | { readonly type: 'deaf' }
  /** This edge is going away: leave at the end of the turn; `now`: at once. */
  | { readonly type: 'drain'; readonly now: boolean }
  | { readonly type: 'tick' }

/** A server message without what every one of them has (sid, ts). */
export type Said =
  | {
      readonly op: 'interim'
      readonly text: string
      readonly turn: number
      readonly offsetMs: number
      readonly lagMs: number
      readonly words?: ClientWord[]
    }
  | {
      readonly op: 'final'
      readonly text: string
      readonly turn: number
      readonly startMs: number
      readonly endMs: number
      readonly lagMs: number
      readonly words?: ClientWord[]
    }
  | { readonly op: 'ack'; readonly samples: number }

export type SessionEffect =
  | { readonly type: 'place'; readonly failover: boolean; readonly modelHash: string; readonly exclude: readonly Id[] }
  | { readonly type: 'bind'; readonly worker: Id; readonly request: BindRequest }
  | { readonly type: 'publish'; readonly worker: Id; readonly header: AudioHeader; readonly pcm: Int16Array }
  /** The first worker has the session: tell the client. */
  | { readonly type: 'ready'; readonly placement: Placement }
  | { readonly type: 'say'; readonly message: Said }
  /** Stop, or go on, reading the client's socket. */
  | { readonly type: 'flow'; readonly read: boolean }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string; readonly retryAfterMs?: number }
  /** All was said: close with 1000. */
  | { readonly type: 'close' }
  | { readonly type: 'count'; readonly what: Counted; readonly n: number }
  /** Nothing is left to do; forget the session. */
  | { readonly type: 'done' }

export type Counted =
  'zombie_dropped' | 'replay_divergence' | 'failover' | 'unrecoverable' | 'repeat_dropped' | 'stalled'
