/**
 * One batch of the encoder: rows of state into the graph, new rows back into the tables.
 *
 * Batches run in bucket sizes (1, 2, 4, ... batchMax), padded with rows that count for nothing, so that a row's numbers
 * do not depend on how many mates it has within a bucket. Neighbouring slots are fed as they lie, without a copy; other
 * rows are gathered first. Buffers are made once a bucket and used again.
 */
import type { InferenceSession } from 'onnxruntime-node'
import * as ort from 'onnxruntime-node'
import type { LookAhead } from '../look-ahead.js'
import type { ModelManifest } from '../manifest.js'
import type { SlotState, StateTable } from './slot-state.js'
import type { StepRow } from './step-engine.js'

/** Samples of a window beyond its chunk; see turn-audio.ts. */
const HISTORY_SAMPLES = 241

export interface EncodedBatch {
  /** [bucket, T, J] */
  jointEncoded: Float32Array
  /** [bucket, T] */
  labels: Int32Array
  labelLogProbs: Float32Array
  /** [bucket, T, D], where asked for */
  encoded: Float32Array | undefined
  /** [bucket, 8 T, mels], where asked for */
  logMel: Float32Array | undefined
}

type Tensors = Record<string, ort.Tensor>

interface Buffers {
  pcm: Int16Array
  window: BigInt64Array
  ring: BigInt64Array
  feeds: Tensors
  fetches: Tensors
}

export class EncoderBatch {
  readonly #session: InferenceSession
  readonly #state: SlotState
  readonly #manifest: ModelManifest
  readonly #batchMax: number
  readonly #keepEncoded: boolean
  readonly #buffers = new Map<string, Buffers>()
  /** Gathered rows of one state tensor, by bucket. */
  readonly #gathered = new Map<string, Float32Array>()

  constructor(
    session: InferenceSession,
    manifest: ModelManifest,
    state: SlotState,
    batchMax: number,
    keepEncoded: boolean,
  ) {
    this.#session = session
    this.#manifest = manifest
    this.#state = state
    this.#batchMax = batchMax
    this.#keepEncoded = keepEncoded
  }

  /** The smallest bucket that holds so many rows. */
  bucketOf(rows: number): number {
    let bucket = 1
    while (bucket < rows) bucket *= 2
    return Math.min(bucket, this.#batchMax)
  }

  async run(lookAhead: LookAhead, rows: readonly StepRow[]): Promise<EncodedBatch> {
    const bucket = this.bucketOf(rows.length)
    const buffers = this.#buffersFor(lookAhead, bucket)
    this.#describeRows(buffers, lookAhead, rows, bucket)
    this.#feedState(buffers, rows, bucket)
    const out = await this.#session.run(buffers.feeds, buffers.fetches)
    this.#commit(lookAhead, rows, out as Tensors)
    return {
      jointEncoded: out.joint_encoded!.data as Float32Array,
      labels: out.ctc_label!.data as Int32Array,
      labelLogProbs: out.ctc_log_prob!.data as Float32Array,
      encoded: out.encoded?.data as Float32Array | undefined,
      logMel: out.log_mel?.data as Float32Array | undefined,
    }
  }

  #describeRows(b: Buffers, lookAhead: LookAhead, rows: readonly StepRow[], bucket: number): void {
    const windowSamples = lookAhead.chunkSamples + HISTORY_SAMPLES
    const { head, filled } = this.#state
    rows.forEach(({ slot, pcm, window }, i) => {
      b.pcm.set(pcm, i * windowSamples)
      b.window.set(
        [BigInt(window.lead), BigInt(window.samples), BigInt(window.realFrames), BigInt(window.frames)],
        i * 4,
      )
      b.ring.set([BigInt(head[slot]!), BigInt(filled[slot]!)], i * 2)
    })
    // Padding rows are silence in mid-turn: no row of a batch is special because of them.
    const whole = BigInt(lookAhead.chunkFrames * 8)
    for (let i = rows.length; i < bucket; i++) b.window.set([0n, BigInt(windowSamples), whole, whole], i * 4)
    b.pcm.fill(0, rows.length * windowSamples, bucket * windowSamples)
    b.ring.fill(0n, rows.length * 2)
  }

  #feedState(b: Buffers, rows: readonly StepRow[], bucket: number): void {
    const first = rows[0]!.slot
    const asTheyLie = first + bucket <= this.#state.slots && rows.every((row, i) => row.slot === first + i)
    for (const t of this.#state.encoder) {
      const data = asTheyLie
        ? t.data.subarray(first * t.size, (first + bucket) * t.size)
        : this.#gather(t, rows, bucket)
      b.feeds[t.name] = new ort.Tensor('float32', data, [bucket, ...t.shape])
    }
  }

  #gather(t: StateTable, rows: readonly StepRow[], bucket: number): Float32Array {
    const key = `${t.name}/${bucket}`
    let out = this.#gathered.get(key)
    if (!out) this.#gathered.set(key, (out = new Float32Array(bucket * t.size)))
    rows.forEach(({ slot }, i) => out.set(t.data.subarray(slot * t.size, (slot + 1) * t.size), i * t.size))
    return out
  }

  /** Writes what the step gave into the slots of the rows that keep it. */
  #commit(lookAhead: LookAhead, rows: readonly StepRow[], out: Tensors): void {
    const frames = lookAhead.chunkFrames
    for (const t of this.#state.encoder) {
      const fresh = out[`new.${t.name}`]!.data as Float32Array
      rows.forEach(({ slot, commit }, i) => {
        if (!commit) return
        if (t.kind === 'ring') this.#writeRing(t, slot, fresh, i, frames)
        else t.data.set(fresh.subarray(i * t.size, (i + 1) * t.size), slot * t.size)
      })
    }
    const slots = ringSlots(this.#manifest)
    for (const { slot, commit, window } of rows) {
      if (!commit) continue
      this.#state.head[slot] = (this.#state.head[slot]! + frames) % slots
      this.#state.filled[slot] = Math.min(this.#state.filled[slot]! + frames, lookAhead.left)
      this.#state.frames[slot]! += window.outputs
    }
  }

  /** New frames [heads, frames, dk] of batch row `row` into the slot's ring [heads, S, dk], from its head on. */
  #writeRing(t: StateTable, slot: number, fresh: Float32Array, row: number, frames: number): void {
    const [heads, slots, dk] = t.shape as [number, number, number]
    const head = this.#state.head[slot]!
    const beforeWrap = Math.min(frames, slots - head)
    for (let h = 0; h < heads; h++) {
      const from = (row * heads + h) * frames * dk
      const ring = slot * t.size + h * slots * dk
      t.data.set(fresh.subarray(from, from + beforeWrap * dk), ring + head * dk)
      if (beforeWrap < frames) t.data.set(fresh.subarray(from + beforeWrap * dk, from + frames * dk), ring)
    }
  }

  #buffersFor(lookAhead: LookAhead, bucket: number): Buffers {
    const key = `${lookAhead.chunkFrames}/${bucket}`
    const known = this.#buffers.get(key)
    if (known) return known
    const made = this.#makeBuffers(lookAhead, bucket)
    this.#buffers.set(key, made)
    return made
  }

  #makeBuffers(lookAhead: LookAhead, bucket: number): Buffers {
    const windowSamples = lookAhead.chunkSamples + HISTORY_SAMPLES
    const frames = lookAhead.chunkFrames
    const { modelDim, jointHidden, mels } = this.#manifest.shape
    const pcm = new Int16Array(bucket * windowSamples)
    const window = new BigInt64Array(bucket * 4)
    const ring = new BigInt64Array(bucket * 2)
    const floats = (dims: number[]) =>
      new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)
    const fetches: Tensors = {
      joint_encoded: floats([bucket, frames, jointHidden]),
      ctc_label: new ort.Tensor('int32', new Int32Array(bucket * frames), [bucket, frames]),
      ctc_log_prob: floats([bucket, frames]),
    }
    if (this.#keepEncoded) {
      fetches.encoded = floats([bucket, frames, modelDim])
      fetches.log_mel = floats([bucket, frames * 8, mels])
    }
    for (const t of this.#state.encoder) {
      const [a, , c] = t.shape as [number, number, number]
      fetches[`new.${t.name}`] = floats(t.kind === 'ring' ? [bucket, a, frames, c] : [bucket, ...t.shape])
    }
    const feeds: Tensors = {
      pcm: new ort.Tensor('int16', pcm, [bucket, windowSamples]),
      window: new ort.Tensor('int64', window, [bucket, 4]),
      ring: new ort.Tensor('int64', ring, [bucket, 2]),
    }
    return { pcm, window, ring, feeds, fetches }
  }
}

function ringSlots(manifest: ModelManifest): number {
  return manifest.state.find((t) => t.kind === 'ring')!.shape[1]!
}
