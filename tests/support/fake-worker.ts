/** A worker on the wire without a model: heartbeats, binds, audio in, text out, in the test's own process. */
import { connect, type NatsConnection } from '@nats-io/transport-node'
import {
  audioSubjects,
  beatSubject,
  bindSubject,
  chunkGeometry,
  decodeAudioMessage,
  decodeBindRequest,
  encodeBindResponse,
  encodeHeartbeat,
  encodeTextMessage,
  LIMITS,
  processId,
  randomId,
  sessionOfSubject,
  textSubject,
  type BindRequest,
  type Heartbeat,
  type Id,
  type TextMessage,
} from '@yap/protocol'
import { FakeWorkerSession } from './fake-worker-session.js'
import { heartbeat } from './heartbeats.js'

const TICK_MS = 50

export class FakeWorker {
  readonly id: Id
  readonly sessions = new Map<Id, FakeWorkerSession>()
  /** Binds that were asked for, in order. */
  readonly binds: BindRequest[] = []
  readonly #nats: NatsConnection
  readonly #timers: NodeJS.Timeout[] = []
  readonly #beat: Partial<Heartbeat>
  #seq = 0
  /** Changes each text message before it goes out; for workers that misbehave. */
  rewrite: (message: TextMessage, session: Id) => TextMessage = (message) => message

  private constructor(nats: NatsConnection, name: string, beat: Partial<Heartbeat>) {
    this.id = processId(name)
    this.#nats = nats
    this.#beat = { name, incarnation: randomId(8), ...beat }
    nats.subscribe(bindSubject(this.id), {
      callback: (_error, message) => {
        message.respond(this.#bind(message.data))
      },
    })
    nats.subscribe(audioSubjects(this.id), {
      callback: (_error, message) => this.#audio(message.subject, message.data),
    })
    this.#timers.push(
      setInterval(() => this.#heartbeat(), LIMITS.heartbeatMs),
      setInterval(() => this.#tick(), TICK_MS),
    )
    this.#heartbeat()
  }

  static async start(url: string, name = 'fake', beat: Partial<Heartbeat> = {}): Promise<FakeWorker> {
    const nats = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
    return new FakeWorker(nats, name, beat)
  }

  /** Dies without a word, as by kill -9. */
  async kill(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#nats.close()
  }

  #heartbeat(): void {
    const live = [...this.sessions.values()].filter((s) => !s.released).length
    const beat = heartbeat({ worker: this.id, seq: this.#seq++, sessions: live, slots: 1000, ...this.#beat })
    this.#nats.publish(beatSubject(this.id), encodeHeartbeat({ ...beat, busySharePerSession: { '70,1': 0.001 } }))
  }

  #bind(data: Uint8Array): Uint8Array {
    const request = decodeBindRequest(data)
    this.binds.push(request)
    this.sessions.set(request.session, new FakeWorkerSession(request))
    return encodeBindResponse({ status: 'bound', geometry: chunkGeometry(request.right) })
  }

  #audio(subject: string, data: Uint8Array): void {
    const session = this.sessions.get(sessionOfSubject(subject)!)
    if (session) this.#say(session, session.audio(decodeAudioMessage(data), performance.now()))
  }

  #tick(): void {
    for (const session of this.sessions.values()) this.#say(session, session.tick(performance.now()))
  }

  #say({ bind }: FakeWorkerSession, message: TextMessage | undefined): void {
    if (message)
      this.#nats.publish(textSubject(bind.edge, bind.session), encodeTextMessage(this.rewrite(message, bind.session)))
  }
}
