/**
 * SpeechSession: one speaker's stream to a Yap server, over one WebSocket.
 *
 *   open() ──init──> ready ──send()*──> finalize()* ──> close() ──> 1000
 *
 * It keeps the protocol's order and its waits; what is sent when is the caller's (see frame-pacer.ts). Every way to fail
 * ends in one SessionError: what waits is rejected with it, and later calls throw it.
 *
 * A server may close without having been asked (drain, limits, capacity): `ended` tells, and `failure` says why.
 */
import type { FinalMessage, ReadyMessage, ResumeOption, ServerMessage } from '@yap/protocol'
import WebSocket from 'ws'
import { closure, handshakeRefusal, refusal, SessionError, unreachable } from './session-error.js'

/** Fields of the init message. */
export interface InitOptions {
  sid?: string
  /** Sample rate in Hz of what is sent. */
  sr?: number
  att_ctx?: string
  decoder?: string
  encoding?: string
  words?: boolean
  interim?: 'step' | 'change' | false
  endpoint_ms?: number
  model?: string
  ack?: boolean
  resume?: ResumeOption
}

export interface SessionOptions {
  /** ws:// or wss://. */
  url: string
  init?: InitOptions
  headers?: Record<string, string>
  /** Every message of the server, with the time of its arrival on `performance.now()`'s clock. */
  onMessage?: (message: ServerMessage, atMs: number) => void
  /** Lets go of the connection at once. */
  signal?: AbortSignal
  connectMsMax?: number
  /** How long to wait for `ready`. A server that does not know it is taken as ready after that. */
  readyMsMax?: number
  /** How long the server may say nothing while it owes an answer. */
  silenceMsMax?: number
}

export interface CloseInfo {
  code: number
  reason: string
}

/** Above this many unsent bytes `writable()` waits: the server slows us down through TCP. */
const unsentBytesMax = 256 * 1024

interface Waiter {
  accept(message: ServerMessage): boolean
  settle(outcome: SessionError | undefined): void
}

export class SpeechSession {
  readonly url: string
  /** Settles when the connection is gone, for whatever reason; never rejects. */
  readonly ended: Promise<CloseInfo>
  readonly finals: FinalMessage[] = []
  /** Undefined before it came, and with servers that send none. */
  ready: ReadyMessage | undefined
  failure: SessionError | undefined
  readonly #options: SessionOptions
  readonly #socket: WebSocket
  readonly #waiters = new Set<Waiter>()
  #writableWaiters: (() => void)[] = []
  #heardAtMs = performance.now()
  /** True from our `close` on: from then a close with 1000 is what we want. */
  #closing = false

  /** Connects, sends `init` and waits for `ready`. */
  static async open(options: SessionOptions): Promise<SpeechSession> {
    const session = new SpeechSession(options)
    try {
      await session.#connected()
      const { sid = 'cli', sr = 16_000, ...rest } = options.init ?? {}
      const ready = session.#waitFor((message) => message.op === 'ready', options.readyMsMax ?? 5_000)
      session.sendJson({ op: 'init', sid, sr, ...rest })
      await ready.catch((error: unknown) => {
        if (!(error instanceof SessionError && error.code === 'silent')) throw error
      })
    } catch (error) {
      session.terminate()
      throw error
    }
    return session
  }

  private constructor(options: SessionOptions) {
    this.url = options.url
    this.#options = options
    this.#socket = new WebSocket(options.url, {
      handshakeTimeout: options.connectMsMax ?? 5_000,
      perMessageDeflate: false,
      ...(options.headers ? { headers: options.headers } : {}),
    })
    this.#socket.on('message', (data, isBinary) => {
      if (!isBinary) this.#heard(String(data))
    })
    this.#socket.on('unexpected-response', (_request, response) => {
      this.#fail(handshakeRefusal(this.url, response.statusCode ?? 0, response.headers['retry-after']))
      this.#socket.terminate()
    })
    this.#socket.on('error', (error) => this.#fail(unreachable(this.url, error)))
    const abort = (): void => {
      this.#fail(new SessionError('aborted', 'stopped'))
      this.#socket.terminate()
    }
    if (options.signal?.aborted) queueMicrotask(abort)
    options.signal?.addEventListener('abort', abort, { once: true })
    this.ended = new Promise((resolve) => {
      this.#socket.once('close', (code, reason) => {
        options.signal?.removeEventListener('abort', abort)
        if (!(this.#closing && code === 1000)) this.#fail(closure(code, String(reason)))
        for (const waiter of this.#waiters) waiter.settle(closure(code, String(reason)))
        this.#releaseWriters()
        resolve({ code, reason: String(reason) })
      })
    })
  }

  /** The finals so far, one after the other. */
  get text(): string {
    return this.finals
      .map((final) => final.text.trim())
      .filter((text) => text !== '')
      .join(' ')
  }

  /** Audio bytes in the session's encoding. */
  send(bytes: Uint8Array): void {
    if (this.failure) throw this.failure
    this.#socket.send(bytes, () => {
      if (this.#socket.bufferedAmount <= unsentBytesMax / 2) this.#releaseWriters()
    })
  }

  /** Any JSON message, right or wrong. */
  sendJson(message: object): void {
    if (this.failure) throw this.failure
    this.#socket.send(JSON.stringify(message))
  }

  /** Resolves when the server takes more audio. At once, unless it has slowed us down. */
  async writable(): Promise<void> {
    while (this.#socket.bufferedAmount > unsentBytesMax && !this.failure)
      await new Promise<void>((resolve) => this.#writableWaiters.push(resolve))
    if (this.failure) throw this.failure
  }

  /** Ends the turn; the next final is the answer (with `endpoint_ms`, one that was on its way may come first). */
  async finalize(): Promise<FinalMessage> {
    const final = this.nextFinal()
    this.sendJson({ op: 'finalize' })
    return final
  }

  async nextFinal(): Promise<FinalMessage> {
    return (await this.#waitFor((message) => message.op === 'final')) as FinalMessage
  }

  /** Ends the last turn and the session. Its final is in `finals` when this resolves; any close but 1000 rejects. */
  async close(): Promise<void> {
    if (this.failure) throw this.failure
    this.#closing = true
    const silence = this.#waitFor(() => false)
    silence.catch(() => undefined)
    this.sendJson({ op: 'close' })
    await Promise.race([this.ended, silence.catch(() => undefined)])
    if (this.failure) throw this.failure
  }

  /** Drops the connection without a word, as a client that dies does. */
  terminate(): void {
    this.#socket.terminate()
  }

  /** Stops reading, as a client does whose program hangs. */
  pauseReading(): void {
    this.#socket.pause()
  }

  resumeReading(): void {
    this.#socket.resume()
  }

  #connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once('open', () => resolve())
      void this.ended.then(() => reject(this.failure ?? closure(1006, '')))
    })
  }

  #heard(text: string): void {
    const atMs = performance.now()
    this.#heardAtMs = atMs
    let message: ServerMessage
    try {
      message = JSON.parse(text) as ServerMessage
    } catch {
      this.#fail(new SessionError('closed', 'the server sent a text message that is not JSON'))
      this.terminate()
      return
    }
    // Newer servers may say more than we know; what is no message of ours is left to onMessage.
    if (message.op === 'ready') this.ready = message
    if (message.op === 'final') this.finals.push(message)
    if (message.op === 'error') {
      const { retry_after_ms: retryAfterMs } = message
      this.#fail(refusal(message.code, message.message, retryAfterMs === undefined ? {} : { retryAfterMs }))
    }
    this.#options.onMessage?.(message, atMs)
    for (const waiter of this.#waiters) if (waiter.accept(message)) waiter.settle(undefined)
  }

  /** The first failure is the cause; what comes after it is noise. */
  #fail(error: SessionError): void {
    if (this.failure) return
    this.failure = error
    for (const waiter of this.#waiters) waiter.settle(error)
    this.#releaseWriters()
  }

  #releaseWriters(): void {
    const waiters = this.#writableWaiters
    this.#writableWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** The next message that fits. Rejects when the session fails, ends, or is silent for too long. */
  #waitFor(fits: (message: ServerMessage) => boolean, patienceMs?: number): Promise<ServerMessage> {
    const silenceMsMax = patienceMs ?? this.#options.silenceMsMax ?? 30_000
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure)
      const askedAtMs = performance.now()
      let timer: NodeJS.Timeout
      let found: ServerMessage | undefined
      const waiter: Waiter = {
        accept: (message) => {
          if (fits(message)) found = message
          return found !== undefined
        },
        settle: (outcome) => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          if (outcome) reject(outcome)
          else resolve(found!)
        },
      }
      const check = (): void => {
        const quietMs = performance.now() - Math.max(askedAtMs, this.#heardAtMs)
        if (quietMs < silenceMsMax) {
          timer = setTimeout(check, silenceMsMax - quietMs)
          return
        }
        const error = new SessionError('silent', `the server said nothing for ${silenceMsMax} ms`)
        if (patienceMs === undefined) this.#fail(error)
        else waiter.settle(error)
      }
      timer = setTimeout(check, silenceMsMax)
      this.#waiters.add(waiter)
    })
  }
}
