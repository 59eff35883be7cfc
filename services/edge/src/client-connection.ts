/**
 * One client's WebSocket: reads its messages, tells it what its session says, and closes it by the table of errors.
 *
 *   from      event                                           to
 *   WAITING   init                                            OPEN      (a session starts)
 *   WAITING   anything else, or nothing for YAP_INIT_MS_MAX   CLOSED    (bad_init, init_timeout)
 *   OPEN      close                                           ENDING    (the final comes first; further messages are ignored)
 *   OPEN      a message that is wrong                         CLOSED    (bad_init)
 *   any       an error, the socket is gone                    CLOSED    (the session, if any, is let go)
 *
 * No message of one client can harm another: whatever is thrown while one is handled ends this client alone.
 */
import {
  checkEncoding,
  checkSampleRate,
  CLOSE_NORMAL,
  DECODERS,
  ERRORS,
  LIMITS,
  parseClientMessage,
  parseLookAhead,
  YapError,
  type ErrorCode,
  type Id,
  type InitMessage,
} from '@yap/protocol'
import type { Clock, Logger, Settings } from '@yap/runtime'
import type { RawData, WebSocket } from 'ws'
import { ClientAudio } from './client-audio.js'
import { ClientOutbox, slowMsMax } from './client-outbox.js'
import type { EdgeMetrics } from './metrics.js'
import type { ResumeTokens } from './resume-token.js'
import type { Placement, Said, SessionEvent, SessionOptions } from './session-events.js'

export const ConnectionState = { WAITING: 'waiting', OPEN: 'open', ENDING: 'ending', CLOSED: 'closed' } as const
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState]

/** The session side of a connection. */
export interface SessionHandle {
  readonly id: Id
  handle(event: SessionEvent): void
}

export interface ConnectionContext {
  readonly settings: Settings
  readonly log: Logger
  readonly clock: Clock
  readonly metrics: EdgeMetrics
  readonly tokens: ResumeTokens
  /** What workers offer now, for people to read; empty while none is up. */
  lookAheads(): readonly string[]
  open(connection: ClientConnection, options: Omit<SessionOptions, 'session' | 'edge' | 'zone'>): SessionHandle
  closed(connection: ClientConnection): void
}

export class ClientConnection {
  readonly #socket: WebSocket
  readonly #context: ConnectionContext
  readonly #outbox: ClientOutbox
  #state: ConnectionState = ConnectionState.WAITING
  #openedAtMs: number
  #session: SessionHandle | undefined
  #init: InitMessage | undefined
  #audio: ClientAudio | undefined
  #reading = true
  #pingedAtMs: number
  #pingsMissed = 0
  #closedAtMs: number | undefined
  /** How it shall be closed once the client has read what waits for it. */
  #leaving: { readonly code: number; readonly reason: string } | undefined

  constructor(socket: WebSocket, context: ConnectionContext) {
    this.#socket = socket
    this.#context = context
    const { clock } = context
    this.#openedAtMs = clock.now()
    this.#pingedAtMs = this.#openedAtMs
    this.#outbox = new ClientOutbox(
      {
        get bufferedAmount() {
          return socket.bufferedAmount
        },
        send: (data, sent) => socket.send(data, { binary: false }, sent),
      },
      () => clock.now(),
    )
    socket.on('message', (data, isBinary) => this.#guard(() => this.#message(data, isBinary)))
    socket.on('pong', () => (this.#pingsMissed = 0))
    socket.on('close', () => this.#gone())
    // The socket closes itself after an error (a message that is too large: 1009); there is nothing to add.
    socket.on('error', (error) => this.#socketError(error))
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** The session was placed. */
  ready(placement: Placement, session: Id): void {
    const init = this.#init!
    const { tokens, metrics } = this.#context
    const resume = tokens.issue(session, Date.now())
    const { model, lookAhead, right } = placement
    const shape = { model, att_ctx: lookAhead, decoder: this.#decoder(init), chunk_ms: 80 * (right + 1) }
    this.#tell({ op: 'ready', sid: init.sid, session, ...shape, resume }, false)
    if (init.resume) this.#tell({ op: 'resumed', sid: init.sid, samples: init.resume.samples, resume }, false)
    metrics.opened()
  }

  say(said: Said): void {
    const sid = this.#init!.sid
    const ts = Date.now()
    if (said.op === 'ack') return this.#tell({ op: 'ack', sid, samples: said.samples }, false)
    const { text, turn, lagMs, words } = said
    this.#context.metrics.said(said.op, lagMs)
    const rest = { turn, lag_ms: lagMs, ...(words ? { words } : {}) }
    if (said.op === 'interim')
      return this.#tell({ op: 'interim', sid, text, final: false, ts, ...rest, offset_ms: said.offsetMs }, true)
    const times = { start_ms: said.startMs, end_ms: said.endMs, offset_ms: said.endMs }
    return this.#tell({ op: 'final', sid, text, final: true, ts, ...rest, ...times }, false)
  }

  /** Reads on, or stops reading: TCP then slows the client down. */
  flow(read: boolean): void {
    if (this.#reading === read || this.#state === ConnectionState.CLOSED) return
    this.#reading = read
    if (read) {
      // Pongs could not be read meanwhile.
      this.#pingsMissed = 0
      this.#pingedAtMs = this.#context.clock.now()
      this.#socket.resume()
    } else this.#socket.pause()
  }

  /** All was said. */
  finish(): void {
    this.#leave(CLOSE_NORMAL, '')
  }

  fail(code: ErrorCode, message: string, retryAfterMs?: number): void {
    if (this.#state === ConnectionState.CLOSED) return
    if (this.#leaving && code !== 'slow_client') return
    this.#context.metrics.error(code)
    const sid = this.#init?.sid
    const retry = retryAfterMs ? { retry_after_ms: retryAfterMs } : {}
    const error = { op: 'error', ...(sid === undefined ? {} : { sid }), code, message, ...retry }
    if (code === 'slow_client') {
      this.#outbox.cutOff(JSON.stringify(error))
      return this.#close(ERRORS[code].close, code)
    }
    this.#tell(error, false)
    return this.#leave(ERRORS[code].close, code)
  }

  /** Deadlines of the socket itself; called a few times a second. */
  tick(nowMs: number): void {
    if (this.#closedAtMs !== undefined) {
      // Finals may still lie before the close frame: a client that reads slowly has the time that slow clients have.
      const unread = this.#leaving !== undefined && this.#socket.bufferedAmount > 0
      if (nowMs - this.#closedAtMs > (unread ? slowMsMax : LIMITS.clientCloseMs)) this.#socket.terminate()
      return
    }
    if (this.#leaving && this.#outbox.isEmpty) return this.#close(this.#leaving.code, this.#leaving.reason)
    const { YAP_INIT_MS_MAX } = this.#context.settings
    if (this.#state === ConnectionState.WAITING && nowMs - this.#openedAtMs > YAP_INIT_MS_MAX)
      return this.#refuse(new YapError('init_timeout', `no init within ${YAP_INIT_MS_MAX} ms`))
    if (this.#outbox.isTooSlow)
      return this.#refuse(
        new YapError(
          'slow_client',
          `results wait beyond ${LIMITS.clientBufferedBytesMax} bytes; read them faster, or ask for fewer interims`,
        ),
      )
    if (this.#reading && nowMs - this.#pingedAtMs >= LIMITS.clientPingMs) this.#ping(nowMs)
    return undefined
  }

  #ping(nowMs: number): void {
    this.#pingedAtMs = nowMs
    if (this.#pingsMissed >= LIMITS.clientPingsMissedMax) {
      this.#context.log.debug({ session: this.#session?.id }, 'client does not answer pings')
      this.#socket.terminate()
      return
    }
    this.#pingsMissed++
    this.#socket.ping()
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (error instanceof YapError) this.#refuse(error)
      else {
        this.#context.log.error({ err: error, session: this.#session?.id }, 'a client message could not be handled')
        this.#refuse(new YapError('internal', 'the service failed on this message'))
      }
    }
  }

  #refuse(error: YapError): void {
    this.fail(error.code, error.message, error.retryAfterMs)
    this.#session?.handle({ type: 'gone' })
  }

  #message(data: RawData, isBinary: boolean): void {
    if (this.#state === ConnectionState.CLOSED || this.#state === ConnectionState.ENDING) return
    if (isBinary) return this.#binary(data as Buffer)
    const message = parseClientMessage((data as Buffer).toString('utf8'))
    if (message.op === 'init') return this.#start(message)
    if (!this.#session || !this.#audio)
      throw new YapError('bad_init', `${message.op} before init: init must come first`)
    const tail = this.#audio.endTurn()
    if (tail.length > 0) this.#session.handle({ type: 'audio', pcm: tail })
    const clientSamples = this.#audio.samples
    if (message.op === 'finalize') return this.#session.handle({ type: 'finalize', clientSamples })
    this.#state = ConnectionState.ENDING
    return this.#session.handle({ type: 'close', clientSamples, halfSample: this.#audio.halfSample })
  }

  #binary(data: Buffer): void {
    if (!this.#session || !this.#audio) throw new YapError('bad_init', 'audio before init: init must come first')
    const before = this.#audio.samples
    const pcm = this.#audio.push(data)
    this.#context.metrics.heard((this.#audio.samples - before) / this.#init!.sr)
    // Even a frame that completes no sample is a sign of life.
    this.#session.handle({ type: 'audio', pcm })
  }

  #start(init: InitMessage): void {
    if (this.#session) throw new YapError('bad_init', 'a second init: one connection is one session')
    this.#init = init
    const { settings, tokens, log } = this.#context
    const rateHz = checkSampleRate(init.sr)
    const encoding = checkEncoding(init.encoding)
    const decoder = this.#decoder(init)
    const asked = init.att_ctx ?? settings.ASR_ATT_CTX
    const lookAhead = parseLookAhead(asked)
    if (!lookAhead) {
      const offered = this.#context.lookAheads().join('; ') || 'two numbers as "70,1"'
      throw new YapError('unsupported', `att_ctx ${JSON.stringify(asked)} is not supported: ${offered} are`)
    }
    if (lookAhead.warning) log.warn(lookAhead.warning)
    if (init.resume && !tokens.isValid(init.resume.token, Date.now()))
      throw new YapError('resume_lost', 'the resume token is unknown or expired; begin anew')
    const clientSamples = init.resume?.samples ?? 0
    this.#audio = new ClientAudio(encoding, rateHz, clientSamples)
    this.#state = ConnectionState.OPEN
    this.#session = this.#context.open(this, {
      lookAhead: lookAhead.name,
      decoder,
      model: init.model ?? '',
      words: init.words,
      interim: init.interim,
      endpointMs: init.endpoint_ms ?? null,
      rateHz,
      ack: init.ack,
      turn: init.resume?.turn ?? 0,
      clientSamples,
    })
    this.#session.handle({ type: 'start' })
  }

  #decoder(init: InitMessage): (typeof DECODERS)[number] {
    const asked = init.decoder ?? this.#context.settings.ASR_DECODER
    const decoder = DECODERS.find((d) => d === asked)
    if (!decoder)
      throw new YapError('unsupported', `decoder ${JSON.stringify(asked)} is not supported: ${DECODERS.join(', ')} are`)
    return decoder
  }

  #tell(message: object, droppable: boolean): void {
    if (this.#state === ConnectionState.CLOSED) return
    const before = this.#outbox.superseded
    this.#outbox.say(JSON.stringify(message), droppable)
    if (this.#outbox.superseded > before) this.#context.metrics.superseded(this.#outbox.superseded - before)
  }

  /** Closes behind everything that was said; `tick` does so where the client has to read first. */
  #leave(code: number, reason: string): void {
    if (this.#state === ConnectionState.CLOSED || this.#leaving) return
    this.#leaving = { code, reason }
    if (this.#outbox.isEmpty) return this.#close(code, reason)
    this.#state = ConnectionState.ENDING
    return undefined
  }

  #close(code: number, reason: string): void {
    if (this.#state === ConnectionState.CLOSED) return
    this.#state = ConnectionState.CLOSED
    this.#closedAtMs = this.#context.clock.now()
    // The client's own close frame must be read, or the handshake ends in a timeout.
    if (!this.#reading) this.#socket.resume()
    this.#socket.close(code, reason)
  }

  #socketError(error: Error): void {
    const tooLarge = (error as { code?: string }).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    if (tooLarge) this.#context.metrics.error('too_large')
    this.#context.log.debug({ reason: error.message }, 'client socket failed')
  }

  #gone(): void {
    this.#state = ConnectionState.CLOSED
    this.#session?.handle({ type: 'gone' })
    this.#context.closed(this)
  }
}
