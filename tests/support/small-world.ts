/** One edge session, its workers and a wire that is as bad as asked, without sockets or a clock: for tests of the core. */
import { SessionCore, type SessionEffect, type SessionEvent, type SessionOptions } from '@yap/edge'
import { asId, randomId, type Id } from '@yap/protocol'
import { FakeWorkerSession, fakeTranscript } from './fake-worker-session.js'
import { SeededRandom } from './seeded-random.js'

const TICK_MS = 20
export const limits = {
  windowMs: 2000,
  idleFlushMs: 400,
  ringMsMax: 160_000,
  sessionMsMax: 4 * 3_600_000,
  idleMsMax: 60_000,
}

export interface World {
  /** Share of messages that the wire loses or repeats. */
  loss?: number
  repeats?: number
  seed?: number
  workers?: number
  right?: number
  options?: Partial<SessionOptions>
  limits?: Partial<typeof limits>
}

/** Time moves by ticks of the edge. */
export class SmallWorld {
  readonly core: SessionCore
  readonly random: SeededRandom
  readonly said: { op: string; text: string; turn: number; [more: string]: unknown }[] = []
  readonly seen: SessionEffect[] = []
  readonly alive = new Map<Id, Map<number, FakeWorkerSession>>()
  readonly sent: number[][] = [[]]
  clientSamples = 0
  now = 0
  wireUp = true
  readonly #o: Required<Omit<World, 'options' | 'limits'>>
  readonly #wire: { at: number; act: () => void }[] = []

  constructor(o: World = {}) {
    this.#o = {
      loss: o.loss ?? 0,
      repeats: o.repeats ?? 0,
      seed: o.seed ?? 1,
      workers: o.workers ?? 2,
      right: o.right ?? 1,
    }
    this.random = new SeededRandom(this.#o.seed)
    for (let i = 0; i < this.#o.workers; i++) this.alive.set(asId(`w${i}`), new Map())
    const options: SessionOptions = {
      session: randomId(),
      edge: asId('e'),
      zone: '',
      lookAhead: '70,1',
      decoder: 'rnnt',
      model: '',
      words: false,
      interim: 'step',
      endpointMs: null,
      rateHz: 16_000,
      ack: true,
      turn: 0,
      clientSamples: 0,
      ...o.options,
    }
    this.core = new SessionCore(options, { ...limits, ...o.limits }, 0)
    this.handle({ type: 'start' })
  }

  handle(event: SessionEvent): void {
    for (const effect of this.core.handle(event, this.now)) this.#do(effect)
  }

  /** The client speaks so many samples, and the edge's clock moves on as it would. */
  speak(samples: number, frame = 320): void {
    for (let done = 0; done < samples; done += frame) {
      const pcm = Int16Array.from({ length: Math.min(frame, samples - done) }, () => this.random.below(65_536) - 32_768)
      this.sent.at(-1)!.push(...pcm)
      this.clientSamples += pcm.length
      this.handle({ type: 'audio', pcm })
      this.run(TICK_MS)
    }
  }

  finalize(): void {
    this.handle({ type: 'finalize', clientSamples: this.clientSamples })
    this.sent.push([])
  }

  close(halfSample = false): void {
    this.handle({ type: 'close', clientSamples: this.clientSamples, halfSample })
  }

  kill(worker: Id): void {
    this.alive.delete(worker)
    this.handle({ type: 'worker-lost', worker })
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += TICK_MS
      for (const due of this.#wire.filter((m) => m.at <= this.now)) {
        this.#wire.splice(this.#wire.indexOf(due), 1)
        due.act()
      }
      for (const sessions of this.alive.values())
        for (const session of sessions.values()) this.#deliver(() => session.tick(this.now))
      if (this.wireUp) this.handle({ type: 'tick' })
    }
  }

  get finals(): string[] {
    return this.said.filter((s) => s.op === 'final').map((s) => s.text)
  }

  /** What an undisturbed run would have said for the turns that were ended. */
  oracle(): string[] {
    return this.sent.map((samples) => fakeTranscript(samples, this.#o.right))
  }

  #deliver(make: () => ReturnType<FakeWorkerSession['tick']>): void {
    const message = make()
    if (message) this.#carry(() => this.handle({ type: 'text', message }))
  }

  #carry(act: () => void): void {
    if (!this.wireUp || this.random.next() < this.#o.loss) return
    const copies = this.random.next() < this.#o.repeats ? 2 : 1
    for (let i = 0; i < copies; i++) this.#wire.push({ at: this.now + (i === 0 ? 1 : this.random.below(100)), act })
  }

  #do(effect: SessionEffect): void {
    this.seen.push(effect)
    if (effect.type === 'say') this.said.push(effect.message as never)
    if (effect.type === 'place') this.#later(() => this.#place(effect))
    if (effect.type === 'bind') this.#later(() => this.#bind(effect))
    if (effect.type === 'publish') {
      const { worker, header, pcm } = effect
      this.#carry(() => {
        const session = this.alive.get(worker)?.get(header.epoch)
        if (session) this.#deliver(() => session.audio({ ...header, pcm }, this.now))
      })
    }
  }

  #later(act: () => void): void {
    this.#wire.push({ at: this.now + 1, act })
  }

  #place({ exclude }: SessionEffect & { type: 'place' }): void {
    const [worker, standby] = [...this.alive.keys()].filter((w) => !exclude.includes(w))
    if (!worker) return this.handle({ type: 'refused', code: 'capacity', message: 'no worker', retryAfterMs: 2000 })
    const { right } = this.#o
    const placement = { worker, standby, model: 'm', modelHash: 'h', lookAhead: `70,${right}`, right }
    return this.handle({ type: 'placed', placement })
  }

  #bind({ worker, request }: SessionEffect & { type: 'bind' }): void {
    const sessions = this.alive.get(worker)
    if (!sessions) return this.handle({ type: 'bound', epoch: request.epoch, response: { status: 'silent' } })
    sessions.set(request.epoch, new FakeWorkerSession(request))
    const { right } = request
    const geometry = { right, firstChunkSamples: 1280 * right + 200, chunkSamples: 1280 * (right + 1) }
    return this.handle({ type: 'bound', epoch: request.epoch, response: { status: 'bound', geometry } })
  }
}
