/**
 * The state of all slots in memory: one table a tensor, [slots, ...], so that neighbouring slots are a batch as they lie.
 *
 * Keys and values are rings of S frames, written in place: a step adds its new frames at `head` and nothing moves. The
 * rest (convolution, subsampling and mel rows, LSTM) is small and rewritten whole.
 */
import type { StateTensor } from '../graph/encoder.js'
import type { ModelManifest } from '../manifest.js'
import { ModelError } from '../model-error.js'

export interface StateTable extends StateTensor {
  /** Floats of one slot. */
  size: number
  data: Float32Array
}

const MAGIC = 0x53504159 // "YAPS"
const LAYOUT_VERSION = 1
/** magic, layout, head, filled, frames, last CTC label; then the model's hash. */
const HEADER_INTS = 6
const HASH_BYTES = 32

export class SlotState {
  readonly slots: number
  readonly encoder: readonly StateTable[]
  readonly hidden: StateTable
  readonly cell: StateTable
  readonly predicted: StateTable
  /** The ring slot that the next frame goes to. */
  readonly head: Int32Array
  /** Cached frames that count. */
  readonly filled: Int32Array
  /** Encoder frames of the turn so far. */
  readonly frames: Int32Array
  /** The last CTC label, blank included. */
  readonly lastLabel: Int32Array
  readonly #tables: readonly StateTable[]
  readonly #hash: Uint8Array
  readonly #blank: number
  #initial: { hidden: Float32Array; cell: Float32Array; predicted: Float32Array } | undefined

  /** @param scratch rows of decoder state beyond the slots, for steps that are not committed */
  constructor(manifest: ModelManifest, slots: number, scratch: number) {
    this.slots = slots
    const { predictionLayers, predictionHidden, jointHidden } = manifest.shape
    const table = (t: StateTensor, rows: number): StateTable => {
      const size = t.shape.reduce((a, b) => a * b, 1)
      return { ...t, size, data: allocate(t.name, size * rows, slots) }
    }
    const decoder = (name: string, shape: number[]) => table({ name, shape, kind: 'cache' }, slots + scratch)
    this.encoder = manifest.state.map((t) => table(t, slots))
    this.hidden = decoder('hidden', [predictionLayers, predictionHidden])
    this.cell = decoder('cell', [predictionLayers, predictionHidden])
    this.predicted = decoder('predicted', [jointHidden])
    this.#tables = [...this.encoder, this.hidden, this.cell, this.predicted]
    this.head = new Int32Array(slots)
    this.filled = new Int32Array(slots)
    this.frames = new Int32Array(slots)
    this.lastLabel = new Int32Array(slots).fill(manifest.blank)
    this.#blank = manifest.blank
    this.#hash = Uint8Array.from(Buffer.from(manifest.hash, 'hex'))
  }

  /** The prediction network's state after the start symbol, which every turn begins with. */
  setInitial(hidden: Float32Array, cell: Float32Array, predicted: Float32Array): void {
    this.#initial = { hidden: hidden.slice(), cell: cell.slice(), predicted: predicted.slice() }
    for (let slot = 0; slot < this.slots; slot++) this.#resetDecoder(slot)
  }

  reset(slot: number): void {
    this.#check(slot)
    for (const t of this.encoder) t.data.fill(0, slot * t.size, (slot + 1) * t.size)
    this.#resetDecoder(slot)
    this.head[slot] = 0
    this.filled[slot] = 0
    this.frames[slot] = 0
    this.lastLabel[slot] = this.#blank
  }

  #resetDecoder(slot: number): void {
    const { hidden, cell, predicted } = this.#initial!
    this.hidden.data.set(hidden, slot * this.hidden.size)
    this.cell.data.set(cell, slot * this.cell.size)
    this.predicted.data.set(predicted, slot * this.predicted.size)
  }

  /** Decoder state only, into a scratch row. */
  copyDecoder(from: number, toRow: number): void {
    for (const t of [this.hidden, this.cell, this.predicted])
      t.data.copyWithin(toRow * t.size, from * t.size, (from + 1) * t.size)
  }

  copy(from: number, to: number): void {
    this.#check(from)
    this.#check(to)
    for (const t of this.#tables) t.data.copyWithin(to * t.size, from * t.size, (from + 1) * t.size)
    for (const counter of this.#counters()) counter[to] = counter[from]!
  }

  export(slot: number): Uint8Array {
    this.#check(slot)
    const floats = this.#tables.reduce((sum, t) => sum + t.size, 0)
    const headerBytes = HEADER_INTS * 4 + HASH_BYTES
    const out = new Uint8Array(headerBytes + floats * 4)
    const ints = new Int32Array(out.buffer, 0, HEADER_INTS)
    ints.set([MAGIC, LAYOUT_VERSION, ...this.#counters().map((c) => c[slot]!)])
    out.set(this.#hash, HEADER_INTS * 4)
    let offset = headerBytes / 4
    const values = new Float32Array(out.buffer)
    for (const t of this.#tables) {
      values.set(t.data.subarray(slot * t.size, (slot + 1) * t.size), offset)
      offset += t.size
    }
    return out
  }

  import(slot: number, bytes: Uint8Array): void {
    this.#check(slot)
    const floats = this.#tables.reduce((sum, t) => sum + t.size, 0)
    const headerBytes = HEADER_INTS * 4 + HASH_BYTES
    const wanted = headerBytes + floats * 4
    if (bytes.length !== wanted)
      throw new ModelError('bad_model', `a snapshot of ${bytes.length} bytes does not fit; this model's has ${wanted}`)
    const copy = bytes.slice()
    const ints = new Int32Array(copy.buffer, 0, HEADER_INTS)
    if (ints[0] !== MAGIC || ints[1] !== LAYOUT_VERSION) {
      throw new ModelError(
        'bad_model',
        `a snapshot of layout ${ints[1]} cannot be read; this version reads ${LAYOUT_VERSION}`,
      )
    }
    if (!this.#hash.every((b, i) => b === copy[HEADER_INTS * 4 + i])) {
      throw new ModelError('bad_model', 'the snapshot is of another model')
    }
    const values = new Float32Array(copy.buffer)
    let offset = headerBytes / 4
    for (const t of this.#tables) {
      t.data.set(values.subarray(offset, offset + t.size), slot * t.size)
      offset += t.size
    }
    this.#counters().forEach((counter, i) => (counter[slot] = ints[2 + i]!))
  }

  #counters(): Int32Array[] {
    return [this.head, this.filled, this.frames, this.lastLabel]
  }

  #check(slot: number): void {
    if (!(slot >= 0 && slot < this.slots))
      throw new Error(`slot ${slot} is outside 0..${this.slots - 1}. This is a bug.`)
  }
}

function allocate(name: string, floats: number, slots: number): Float32Array {
  try {
    return new Float32Array(floats)
  } catch (cause) {
    throw new ModelError(
      'engine',
      `no memory for ${slots} slots (${name} needs ${Math.ceil((floats * 4) / 2 ** 20)} MiB); lower the number of slots`,
      { cause },
    )
  }
}
