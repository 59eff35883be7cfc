/**
 * An edge as small as the protocol allows, over real NATS: binds sessions at a named worker, keeps their audio, sends it
 * within the worker's credit, sends again what is asked for, repeats ends of turns until they are taken.
 */
import { connect, type NatsConnection } from '@nats-io/transport-node'
import {
  AudioFlag,
  audioSubject,
  bindSubject,
  decodeBindResponse,
  decodeTextMessage,
  encodeAudioMessage,
  encodeBindRequest,
  LIMITS,
  randomId,
  sessionOfSubject,
  textSubjects,
  type BindRequest,
  type BindResponse,
  type Id,
  type TextMessage,
  type TextResult,
} from '@yap/protocol'

const PUMP_MS = 10
const CREDIT_SAMPLES = 32_000

export class StubEdge {
  readonly id = randomId(8)
  readonly connection: NatsConnection
  readonly #sessions = new Map<Id, StubSession>()
  readonly #all: StubSession[] = []

  private constructor(connection: NatsConnection) {
    this.connection = connection
    connection.subscribe(textSubjects(this.id), {
      callback: (error, message) => {
        const session = error ? undefined : this.#sessions.get(sessionOfSubject(message.subject)!)
        session?.hear(decodeTextMessage(message.data))
      },
    })
  }

  static async connect(url: string): Promise<StubEdge> {
    return new StubEdge(await connect({ servers: url, noEcho: true }))
  }

  async bind(worker: Id, options: Partial<BindRequest> = {}): Promise<{ session: StubSession; answer: BindResponse }> {
    const request: BindRequest = {
      session: randomId(),
      epoch: 1,
      edge: this.id,
      right: 1,
      decoder: 'rnnt',
      modelHash: '',
      turn: 0,
      turnStart: 0,
      offset: 0,
      index: 0,
      words: false,
      interim: 'step',
      endpointMs: null,
      failover: false,
      ...options,
    }
    const reply = await this.connection.request(bindSubject(worker), encodeBindRequest(request), { timeout: 2000 })
    const session = new StubSession(this.connection, worker, request)
    this.#sessions.set(request.session, session)
    this.#all.push(session)
    return { session, answer: decodeBindResponse(reply.data) }
  }

  /** Binds and insists on being bound. */
  async open(worker: Id, options: Partial<BindRequest> = {}): Promise<StubSession> {
    const { session, answer } = await this.bind(worker, options)
    if (answer.status !== 'bound') throw new Error(`${answer.status}: ${answer.message}`)
    return session
  }

  async stop(): Promise<void> {
    for (const session of this.#all) session.stop()
    await this.connection.close()
  }
}

export class StubSession {
  readonly id: Id
  readonly results: TextResult[] = []
  readonly flushes: TextResult[] = []
  /** Share of audio messages that get lost on the way. */
  lossShare = 0
  last: TextMessage | undefined
  released = false
  error: TextMessage['error']
  readonly #connection: NatsConnection
  readonly #subject: string
  readonly #bind: BindRequest
  readonly #timer: NodeJS.Timeout
  #pcm = new Int16Array(0)
  #sentTo: number
  readonly #ends: { at: number; flag: number; sentAtMs: number }[] = []
  #sentAtMs = 0

  constructor(connection: NatsConnection, worker: Id, bind: BindRequest) {
    this.id = bind.session
    this.#connection = connection
    this.#subject = audioSubject(worker, bind.session)
    this.#bind = bind
    this.#sentTo = bind.offset
    this.#timer = setInterval(() => this.#pump(), PUMP_MS)
  }

  get finals(): TextResult[] {
    return this.results.filter((result) => result.kind === 'final')
  }

  say(pcm: Int16Array): void {
    const whole = new Int16Array(this.#pcm.length + pcm.length)
    whole.set(this.#pcm)
    whole.set(pcm, this.#pcm.length)
    this.#pcm = whole
  }

  finalize(): void {
    this.#ends.push({ at: this.#pcm.length, flag: AudioFlag.FINALIZE, sentAtMs: 0 })
  }

  close(): void {
    this.#ends.push({ at: this.#pcm.length, flag: AudioFlag.CLOSE, sentAtMs: 0 })
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  hear(message: TextMessage): void {
    if (message.epoch !== this.#bind.epoch) return
    this.last = message
    if (message.need !== undefined) this.#sentTo = Math.min(this.#sentTo, message.need)
    if (message.released) this.released = true
    this.error ??= message.error
    for (const result of message.results) {
      if (result.kind === 'flush') this.flushes.push(result)
      else if (result.index === this.#bind.index + this.results.length) this.results.push(result)
    }
    if (this.released || this.error) this.stop()
  }

  #pump(): void {
    const nowMs = performance.now()
    const consumed = this.last?.consumed ?? this.#bind.offset
    while (this.#sentTo < this.#pcm.length && this.#sentTo - consumed < CREDIT_SAMPLES) {
      const turn = this.#ends.filter((end) => end.at <= this.#sentTo).length
      const until = Math.min(this.#ends[turn]?.at ?? this.#pcm.length, this.#sentTo + 3200)
      this.#send(this.#sentTo, until, turn, 0)
      this.#sentTo = until
    }
    for (const [i, end] of this.#ends.entries()) {
      const answered = end.flag === AudioFlag.CLOSE ? this.released : this.finals.length > i
      if (answered || this.#sentTo < end.at || nowMs - end.sentAtMs < LIMITS.resendMs) continue
      end.sentAtMs = nowMs
      this.#send(end.at, end.at, i, end.flag)
    }
    if (nowMs - this.#sentAtMs > LIMITS.ackDelayMs)
      this.#send(this.#sentTo, this.#sentTo, this.#ends.filter((end) => end.at < this.#sentTo).length, 0)
  }

  #send(from: number, to: number, turn: number, flags: number): void {
    this.#sentAtMs = performance.now()
    if (Math.random() < this.lossShare) return
    const turnStart = this.#ends[turn - 1]?.at ?? this.#bind.turnStart
    const pcm = this.#pcm.subarray(from, to)
    const data = new Uint8Array(32 + pcm.byteLength)
    const ack = this.#bind.index + this.results.length
    encodeAudioMessage({ flags, epoch: this.#bind.epoch, turn, ack, offset: from, turnStart }, pcm, data)
    this.#connection.publish(this.#subject, data)
  }
}
