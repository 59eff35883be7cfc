/**
 * The engine on onnxruntime-node: state in this process's memory, graphs on the CPU.
 *
 * onnxruntime-node's run() blocks its thread, so a service keeps the engine in a thread of its own.
 */
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import type { LookAhead } from '../look-ahead.js'
import type { ModelManifest } from '../manifest.js'
import { ModelError } from '../model-error.js'
import { collapseCtc } from './ctc-greedy.js'
import { EncoderBatch, type EncodedBatch } from './encoder-batch.js'
import { RnntGreedy, type RnntRow } from './rnnt-greedy.js'
import { SlotState } from './slot-state.js'
import type { StepEngine, StepRow, StepRowResult } from './step-engine.js'

export interface HostEngineOptions {
  modelDir: string
  manifest: ModelManifest
  slots: number
  /** Rows of one run at most; more are stepped in several. Default 128. */
  batchMax?: number
  /** Threads inside an operator. Default 1: batches scale better over processes than an operator over cores. */
  threads?: number
  /** Results carry the encoder's frames; for tests. */
  keepEncoded?: boolean
}

export class HostEngine implements StepEngine {
  readonly slots: number
  readonly #sessions: readonly ort.InferenceSession[]
  readonly #manifest: ModelManifest
  readonly #state: SlotState
  readonly #encoder: EncoderBatch
  readonly #rnnt: RnntGreedy
  readonly #batchMax: number

  private constructor(options: HostEngineOptions, batchMax: number, sessions: readonly ort.InferenceSession[]) {
    const { manifest, slots, keepEncoded = false } = options
    const [encoder, joint, prediction] = sessions as [ort.InferenceSession, ort.InferenceSession, ort.InferenceSession]
    this.slots = slots
    this.#manifest = manifest
    this.#sessions = sessions
    this.#batchMax = batchMax
    this.#state = new SlotState(manifest, slots, batchMax)
    this.#encoder = new EncoderBatch(encoder, manifest, this.#state, batchMax, keepEncoded)
    this.#rnnt = new RnntGreedy(manifest, joint, prediction, this.#state)
  }

  /** @throws ModelError `engine` where the graphs cannot be loaded or there is no memory for the slots */
  static async create(options: HostEngineOptions): Promise<HostEngine> {
    const { modelDir, manifest, slots, batchMax = 128, threads = 1 } = options
    const load = (file: string) => loadGraph(join(modelDir, file), threads)
    const { encoder, joint, prediction } = manifest.files
    const sessions = [await load(encoder.file), await load(joint.file), await load(prediction.file)]
    const engine = new HostEngine(options, Math.min(batchMax, powerOfTwoFrom(slots)), sessions)
    await engine.#rnnt.start()
    return engine
  }

  reset(slot: number): void {
    this.#state.reset(slot)
  }

  async step(lookAhead: LookAhead, rows: readonly StepRow[]): Promise<StepRowResult[]> {
    const results: StepRowResult[] = []
    for (let i = 0; i < rows.length; i += this.#batchMax) {
      results.push(...(await this.#stepBatch(lookAhead, rows.slice(i, i + this.#batchMax))))
    }
    return results
  }

  async #stepBatch(lookAhead: LookAhead, rows: readonly StepRow[]): Promise<StepRowResult[]> {
    const firstFrames = rows.map((row) => this.#state.frames[row.slot]!)
    const encoded = await this.#encoder.run(lookAhead, rows)
    const results = rows.map(({ window }): StepRowResult => ({
      ok: true,
      tokens: [],
      frames: [],
      logProbs: [],
      outputs: window.outputs,
    }))
    const rnnt: RnntRow[] = []
    rows.forEach((row, i) => {
      const result = results[i]!
      const offset = i * lookAhead.chunkFrames
      this.#keepEncoded(result, encoded, lookAhead, offset)
      if (!finite(encoded.labelLogProbs, offset, row.window.outputs)) {
        result.ok = false
      } else if (row.decoder === 'ctc') {
        this.#collapse(row, encoded, offset, firstFrames[i]!, result)
      } else {
        const stateRow = row.commit ? row.slot : this.slots + i
        if (!row.commit) this.#state.copyDecoder(row.slot, stateRow)
        rnnt.push({ stateRow, offset, outputs: row.window.outputs, firstFrame: firstFrames[i]!, result })
      }
    })
    await this.#rnnt.decode(encoded.jointEncoded, rnnt)
    return results
  }

  #collapse(row: StepRow, encoded: EncodedBatch, offset: number, firstFrame: number, result: StepRowResult): void {
    const { slot, commit, window } = row
    const span = [offset, offset + window.outputs] as const
    const before = this.#state.lastLabel[slot]!
    const last = collapseCtc(
      encoded.labels.subarray(...span),
      encoded.labelLogProbs.subarray(...span),
      before,
      this.#manifest.blank,
      firstFrame,
      result,
    )
    if (commit) this.#state.lastLabel[slot] = last
  }

  #keepEncoded(result: StepRowResult, encoded: EncodedBatch, lookAhead: LookAhead, offset: number): void {
    if (!encoded.encoded || !encoded.logMel) return
    const { modelDim: d, mels } = this.#manifest.shape
    const melFloats = lookAhead.chunkFrames * 8 * mels
    const row = offset / lookAhead.chunkFrames
    result.logMel = encoded.logMel.slice(row * melFloats, (row + 1) * melFloats)
    result.encoded = encoded.encoded.slice(offset * d, (offset + Math.min(result.outputs, lookAhead.chunkFrames)) * d)
  }

  export(slot: number): Uint8Array {
    return this.#state.export(slot)
  }

  import(slot: number, bytes: Uint8Array): void {
    this.#state.import(slot, bytes)
  }

  copy(from: number, to: number): void {
    this.#state.copy(from, to)
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release()
  }
}

async function loadGraph(path: string, threads: number): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(path, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // One allocation plan a shape, kept for ever: batches of many shapes make it cost memory and save no time.
      enableMemPattern: false,
      // A second thread that spins for work costs the core that another process needs.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 3,
    })
  } catch (cause) {
    throw new ModelError(
      'engine',
      `${path} cannot be loaded: ${(cause as Error).message.split('\n')[0]}; compile the model again`,
      { cause },
    )
  }
}

function powerOfTwoFrom(n: number): number {
  let p = 1
  while (p < n) p *= 2
  return p
}

function finite(values: Float32Array, offset: number, count: number): boolean {
  for (let i = offset; i < offset + count; i++) if (!Number.isFinite(values[i])) return false
  return true
}
