/**
 * Streams through one engine, many at once: audio in by push(), words out after stepAll().
 *
 * What `yap transcribe` and the tests use; a service schedules steps itself and shares the parts (TurnAudio, StepEngine,
 * Transcript), so that both give the same tokens.
 */
import { HostEngine } from './engine/host-engine.js'
import type { Decoder, StepEngine, StepRow, StepRowResult } from './engine/step-engine.js'
import { resolveLookAhead, type LookAhead } from './look-ahead.js'
import { loadManifest, type ModelManifest } from './manifest.js'
import { ModelError } from './model-error.js'
import { Transcript, type Word } from './transcript.js'
import { TurnAudio } from './turn-audio.js'

export interface RecogniserOptions {
  /** Streams at once. Default 1. */
  streams?: number
  threads?: number
  batchMax?: number
  keepEncoded?: boolean
}

export interface StreamOptions {
  /** Look-ahead as "70,1"; default: the model's. */
  attCtx?: string
  decoder?: Decoder
  /** Called after each step of this stream. */
  onStep?: (stream: RecogniserStream, result: StepRowResult) => void
}

export class StreamingRecogniser {
  readonly manifest: ModelManifest
  readonly #engine: StepEngine
  readonly #free: number[]
  readonly #streams = new Set<RecogniserStream>()

  private constructor(manifest: ModelManifest, engine: StepEngine) {
    this.manifest = manifest
    this.#engine = engine
    this.#free = Array.from({ length: engine.slots }, (_, i) => engine.slots - 1 - i)
  }

  static async open(modelDir: string, options: RecogniserOptions = {}): Promise<StreamingRecogniser> {
    const manifest = await loadManifest(modelDir)
    const { streams = 1, ...rest } = options
    return new StreamingRecogniser(manifest, await HostEngine.create({ modelDir, manifest, slots: streams, ...rest }))
  }

  /** A new stream; close() gives its slot back. */
  stream(options: StreamOptions = {}): RecogniserStream {
    const slot = this.#free.pop()
    if (slot === undefined)
      throw new ModelError('engine', `all ${this.#engine.slots} streams are in use; close one first`)
    const { lookAhead } = resolveLookAhead(this.manifest, options.attCtx ?? this.manifest.defaultLookAhead)
    this.#engine.reset(slot)
    const stream = new RecogniserStream(this.manifest, lookAhead, slot, options, () => {
      this.#streams.delete(stream)
      this.#free.push(slot)
    })
    this.#streams.add(stream)
    return stream
  }

  /** Steps all streams that are ready, together, until none is. */
  async stepAll(): Promise<void> {
    for (;;) {
      const ready = [...this.#streams].filter((s) => s.ready)
      if (ready.length === 0) return
      const byLookAhead = grouped(ready)
      for (const group of byLookAhead.values()) await this.#step(group)
    }
  }

  async #step(streams: readonly RecogniserStream[]): Promise<void> {
    const rows = streams.map((s) => s.takeRow())
    const results = await this.#engine.step(streams[0]!.lookAhead, rows)
    streams.forEach((s, i) => s.heard(results[i]!))
  }

  /** Opens a stream on a copy of another one's state. */
  fork(stream: RecogniserStream): RecogniserStream {
    const copy = this.stream({ attCtx: stream.lookAhead.name, decoder: stream.decoder })
    this.#engine.copy(stream.slot, copy.slot)
    copy.adopt(stream)
    return copy
  }

  export(stream: RecogniserStream): Uint8Array {
    return this.#engine.export(stream.slot)
  }

  import(stream: RecogniserStream, bytes: Uint8Array): void {
    this.#engine.import(stream.slot, bytes)
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

/** One stream, one turn: from reset state to its end. */
export class RecogniserStream {
  readonly lookAhead: LookAhead
  readonly slot: number
  readonly decoder: Decoder
  readonly #options: StreamOptions
  readonly #release: () => void
  #audio: TurnAudio
  #transcript: Transcript
  #closed = false

  constructor(
    manifest: ModelManifest,
    lookAhead: LookAhead,
    slot: number,
    options: StreamOptions,
    release: () => void,
  ) {
    this.lookAhead = lookAhead
    this.slot = slot
    this.decoder = options.decoder ?? 'rnnt'
    this.#options = options
    this.#release = release
    this.#audio = new TurnAudio(lookAhead)
    this.#transcript = new Transcript(manifest)
  }

  /** @param pcm 16 kHz mono, any number of samples */
  push(pcm: Int16Array): void {
    this.#audio.push(pcm)
  }

  /** The turn ends here: its short last chunk becomes ready. */
  finish(): void {
    this.#audio.end()
  }

  get ready(): boolean {
    return this.#audio.ready
  }

  get text(): string {
    return this.#transcript.text
  }

  get tokens(): readonly number[] {
    return this.#transcript.tokens
  }

  get steps(): number {
    return this.#audio.steps
  }

  words(): Word[] {
    return this.#transcript.words()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#release()
  }

  /** For the recogniser: the row of the next step. */
  takeRow(): StepRow {
    const pcm = new Int16Array(this.#audio.windowSamples)
    const window = this.#audio.take(pcm)
    return { slot: this.slot, decoder: this.decoder, window, pcm, commit: true }
  }

  /** For the recogniser: what the step gave. */
  heard(result: StepRowResult): void {
    if (!result.ok)
      throw new ModelError('engine', 'the model gave numbers that are not finite; this stream cannot go on')
    this.#transcript.append(result)
    this.#options.onStep?.(this, result)
  }

  /** For the recogniser: goes on where `other` is. */
  adopt(other: RecogniserStream): void {
    this.#audio = other.#audio.fork()
    this.#transcript = other.#transcript.fork()
  }
}

function grouped(streams: readonly RecogniserStream[]): Map<string, RecogniserStream[]> {
  const groups = new Map<string, RecogniserStream[]>()
  for (const s of streams) groups.set(s.lookAhead.name, [...(groups.get(s.lookAhead.name) ?? []), s])
  return groups
}
