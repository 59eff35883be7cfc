/**
 * An engine whose tokens are a pure function of the samples that a slot received since its reset, in order: a sample that
 * is lost, repeated, moved or somebody else's changes every token that follows, so it shows in the text.
 *
 * Each 80 ms frame gives one token, or none where its samples are all zero (so that silence is blank and endpoints can be
 * tested). The sample POISON makes the numbers of its row go bad; DEADLY makes the whole engine fail.
 */
import {
  lookAheadOf,
  type LookAhead,
  type ModelManifest,
  type StepEngine,
  type StepRow,
  type StepRowResult,
  type StepWindow,
} from '@yap/model'

export const POISON = -32768
export const DEADLY = -32767

const FRAME_SAMPLES = 1280
/** Where the samples that no earlier window had begin: in the first window of a turn, and in later ones. */
const NEW_FROM_FIRST = 1321
const NEW_FROM = 241

const SYLLABLES = ['ba', 'de', 'fi', 'go', 'ku', 'la', 'me', 'ni', 'po', 'ru', 'sa', 'te', 'vi', 'wo', 'zu', 'no']
const PIECES = [...SYLLABLES.map((syllable) => `\u2581${syllable}`), ...SYLLABLES]

/** As much of a manifest as services need. */
export function fakeManifest(): ModelManifest {
  return {
    format: 1,
    name: 'fake',
    hash: 'fa'.repeat(32),
    source: '',
    licence: '',
    sampleRateHz: 16000,
    frameMs: 80,
    frameSamples: FRAME_SAMPLES,
    lookAheads: [0, 1, 6, 13].map((right) => lookAheadOf(70, right)),
    defaultLookAhead: '70,1',
    pieces: PIECES,
    blank: PIECES.length,
  } as unknown as ModelManifest
}

interface SlotState {
  hash: number
  frames: number
}

export interface FakeEngineOptions {
  slots: number
  /** Time that a step keeps the thread busy: so much a step, and so much a row. */
  stepMs?: number
  rowMs?: number
}

export class FakeEngine implements StepEngine {
  readonly slots: number
  readonly #options: FakeEngineOptions
  readonly #states: SlotState[]

  constructor(options: FakeEngineOptions) {
    this.slots = options.slots
    this.#options = options
    this.#states = Array.from({ length: options.slots }, () => ({ hash: 0, frames: 0 }))
  }

  reset(slot: number): void {
    this.#states[slot] = { hash: 0, frames: 0 }
  }

  async step(_lookAhead: LookAhead, rows: readonly StepRow[]): Promise<StepRowResult[]> {
    const { stepMs = 0, rowMs = 0 } = this.#options
    const untilMs = performance.now() + stepMs + rowMs * rows.length
    const results = rows.map((row) => this.stepRow(row))
    // A real step blocks its thread too.
    while (performance.now() < untilMs);
    return results
  }

  /** One row, at once: for tests that have no time. */
  stepRow(row: StepRow): StepRowResult {
    const state = row.commit ? this.#states[row.slot]! : { ...this.#states[row.slot]! }
    const result: StepRowResult = { ok: true, tokens: [], frames: [], logProbs: [], outputs: row.window.outputs }
    for (const samples of newFrames(row.window, row.pcm)) {
      if (samples.includes(DEADLY)) throw new Error('the engine met a deadly sample')
      if (samples.includes(POISON)) result.ok = false
      for (const sample of samples) state.hash = (Math.imul(state.hash ^ (sample & 0xffff), 0x01000193) + 1) >>> 0
      if (samples.some((sample) => sample !== 0)) {
        result.tokens.push((state.hash >>> 7) % PIECES.length)
        result.frames.push(state.frames)
        result.logProbs.push(-0.1)
      }
      state.frames++
    }
    return result
  }

  export(slot: number): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.#states[slot]))
  }

  import(slot: number, bytes: Uint8Array): void {
    this.#states[slot] = JSON.parse(new TextDecoder().decode(bytes)) as SlotState
  }

  copy(from: number, to: number): void {
    this.#states[to] = { ...this.#states[from]! }
  }

  async close(): Promise<void> {}
}

/** The samples that are new in a window, by output frame; the last frame has what is left. */
function newFrames(window: StepWindow, pcm: Int16Array): Int16Array[] {
  const fresh = pcm.subarray(window.lead > 0 ? NEW_FROM_FIRST : NEW_FROM, window.samples)
  return Array.from({ length: window.outputs }, (_, i) =>
    fresh.subarray(i * FRAME_SAMPLES, i === window.outputs - 1 ? fresh.length : (i + 1) * FRAME_SAMPLES),
  )
}

/** What a worker takes for its manifest when it is started with this engine. */
export const manifest = fakeManifest

/** What an engine thread calls. */
export async function createEngine(options: { slots: number; extra?: unknown }): Promise<StepEngine> {
  return new FakeEngine({ slots: options.slots, ...(options.extra as Partial<FakeEngineOptions>) })
}
