/**
 * Who serves whom, in JetStream KV: for people and for finding a held session; never on the way of audio or placement.
 *
 * Written behind: the newest value of each key waits here until it is written. Where there is no JetStream, or its leader
 * has just died (5 to 10 s), entries wait, and beyond a bound the oldest are dropped. Nobody notices.
 */
import { Kvm, type KV } from '@nats-io/kv'
import { DIRECTORY_BUCKET, directoryKey, type Id } from '@yap/protocol'
import { systemClock, type Clock, type Logger, type NatsLink, type Timer } from '@yap/runtime'

const WAITING_MAX = 10_000
const FLUSH_MS = 250
const RETRY_MS = 10_000
const WRITES_AT_ONCE = 32

export interface DirectoryEntry {
  readonly worker: Id
  readonly edge: Id
}

export class Directory {
  /** undefined: delete the key. Insertion order is age. */
  readonly #waiting = new Map<Id, DirectoryEntry | undefined>()
  readonly #link: NatsLink
  readonly #log: Logger
  readonly #ttlMs: number
  readonly #timer: Timer
  readonly #clock: Clock
  #kv: KV | undefined
  #retryAtMs = 0
  #flushing = false
  #saidAbsent = false

  constructor(link: NatsLink, log: Logger, o: { ttlMs: number }, clock: Clock = systemClock) {
    this.#link = link
    this.#log = log
    this.#ttlMs = o.ttlMs
    this.#clock = clock
    this.#timer = clock.setInterval(() => void this.#flush(), FLUSH_MS)
  }

  put(session: Id, entry: DirectoryEntry): void {
    this.#set(session, entry)
  }

  remove(session: Id): void {
    this.#set(session, undefined)
  }

  stop(): void {
    this.#timer.cancel()
  }

  #set(session: Id, entry: DirectoryEntry | undefined): void {
    this.#waiting.delete(session)
    this.#waiting.set(session, entry)
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!)
  }

  async #flush(): Promise<void> {
    if (this.#flushing || this.#waiting.size === 0 || !this.#link.connected || this.#clock.now() < this.#retryAtMs)
      return
    this.#flushing = true
    try {
      this.#kv ??= await new Kvm(this.#link.connection).create(DIRECTORY_BUCKET, { ttl: this.#ttlMs, history: 1 })
      const batch = [...this.#waiting].slice(0, WRITES_AT_ONCE)
      await Promise.all(batch.map(([session, entry]) => this.#write(this.#kv!, session, entry)))
      this.#saidAbsent = false
    } catch (error) {
      this.#kv = undefined
      this.#retryAtMs = this.#clock.now() + RETRY_MS
      if (!this.#saidAbsent)
        this.#log.info({ reason: String(error) }, 'session directory cannot be written now; sessions do not need it')
      this.#saidAbsent = true
    } finally {
      this.#flushing = false
    }
  }

  async #write(kv: KV, session: Id, entry: DirectoryEntry | undefined): Promise<void> {
    const key = directoryKey(session)
    if (entry) await kv.put(key, JSON.stringify(entry))
    else await kv.delete(key)
    // It may have changed while it was written; then the newer value stays in line.
    if (this.#waiting.get(session) === entry) this.#waiting.delete(session)
  }
}
