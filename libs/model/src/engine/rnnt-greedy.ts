/**
 * Greedy transducer decoding of a step's rows together (label looping).
 *
 * Each round asks the joint about every frame that is left of every row that goes on, then advances the prediction
 * network once for all rows that found a token. A row without a token is done, so a step takes one round more than the
 * most tokens any row emits, whatever the number of frames or rows.
 *
 *   round:  joint over frames t.. of all rows ─> first non-blank of each ─> prediction network ─> next round
 *
 * A frame emits at most maxSymbols tokens, then the next frame's turn comes without asking for blank.
 * Source: greedy_batch label looping of NeMo (rnnt_label_looping.py).
 */
import type { InferenceSession } from 'onnxruntime-node'
import * as ort from 'onnxruntime-node'
import type { ModelManifest } from '../manifest.js'
import type { SlotState } from './slot-state.js'
import type { StepRowResult } from './step-engine.js'

/** One row to decode: its state's row in the tables, and where its encoder frames begin. */
export interface RnntRow {
  stateRow: number
  /** First frame of the row in `encoded`. */
  offset: number
  outputs: number
  /** Frame of the turn that the first output is. */
  firstFrame: number
  result: StepRowResult
}

interface Cursor {
  row: RnntRow
  frame: number
  /** Tokens on that frame so far. */
  symbols: number
}

export class RnntGreedy {
  readonly #joint: InferenceSession
  readonly #prediction: InferenceSession
  readonly #state: SlotState
  readonly #blank: number
  readonly #maxSymbols: number
  readonly #jointHidden: number
  #encodedRows = new Float32Array(0)
  #predictedRows = new Float32Array(0)
  #hiddenRows = new Float32Array(0)
  #cellRows = new Float32Array(0)

  constructor(manifest: ModelManifest, joint: InferenceSession, prediction: InferenceSession, state: SlotState) {
    this.#joint = joint
    this.#prediction = prediction
    this.#state = state
    this.#blank = manifest.blank
    this.#maxSymbols = manifest.maxSymbols ?? Infinity
    this.#jointHidden = manifest.shape.jointHidden
  }

  /** Runs the start symbol through the prediction network from zero state; the result begins every turn. */
  async start(): Promise<void> {
    const { hidden, cell } = this.#state
    const zero = (t: { size: number; shape: readonly number[] }) =>
      new ort.Tensor('float32', new Float32Array(t.size), [1, ...t.shape])
    const out = await this.#prediction.run({
      token: new ort.Tensor('int32', Int32Array.of(this.#blank), [1]),
      hidden: zero(hidden),
      cell: zero(cell),
    })
    this.#state.setInitial(
      out['new.hidden']!.data as Float32Array,
      out['new.cell']!.data as Float32Array,
      out.predicted!.data as Float32Array,
    )
  }

  /** @param encoded joint_encoded of the step, rows of J floats */
  async decode(encoded: Float32Array, rows: readonly RnntRow[]): Promise<void> {
    let cursors: Cursor[] = rows.map((row) => ({ row, frame: 0, symbols: 0 }))
    while (cursors.length > 0) {
      const { tokens, logProbs } = await this.#askJoint(encoded, cursors)
      const emitting: Cursor[] = []
      const emitted: number[] = []
      let at = 0
      for (const cursor of cursors) {
        const frames = cursor.row.outputs - cursor.frame
        if (this.#take(cursor, tokens.subarray(at, at + frames), logProbs.subarray(at, at + frames))) {
          emitting.push(cursor)
          emitted.push(cursor.row.result.tokens.at(-1)!)
        }
        at += frames
      }
      if (emitting.length > 0) await this.#advance(emitting, emitted)
      cursors = emitting.filter((c) => c.frame < c.row.outputs)
    }
  }

  /** Moves a row to its next token; false where the frames hold none, or the numbers are bad. */
  #take(cursor: Cursor, tokens: Int32Array, logProbs: Float32Array): boolean {
    const { result } = cursor.row
    for (let i = 0; i < tokens.length; i++) {
      if (!Number.isFinite(logProbs[i])) {
        result.ok = false
        return false
      }
      if (tokens[i] === this.#blank) {
        cursor.frame += 1
        cursor.symbols = 0
        continue
      }
      result.tokens.push(tokens[i]!)
      result.frames.push(cursor.row.firstFrame + cursor.frame)
      result.logProbs.push(logProbs[i]!)
      cursor.symbols += 1
      if (cursor.symbols >= this.#maxSymbols) {
        cursor.frame += 1
        cursor.symbols = 0
      }
      return true
    }
    return false
  }

  async #askJoint(encoded: Float32Array, cursors: readonly Cursor[]) {
    const width = this.#jointHidden
    const pairs = cursors.reduce((sum, c) => sum + c.row.outputs - c.frame, 0)
    this.#encodedRows = atLeast(this.#encodedRows, pairs * width)
    this.#predictedRows = atLeast(this.#predictedRows, pairs * width)
    const predicted = this.#state.predicted.data
    let at = 0
    for (const { row, frame } of cursors) {
      const from = (row.offset + frame) * width
      const frames = row.outputs - frame
      this.#encodedRows.set(encoded.subarray(from, from + frames * width), at * width)
      const g = predicted.subarray(row.stateRow * width, (row.stateRow + 1) * width)
      for (let i = 0; i < frames; i++) this.#predictedRows.set(g, (at + i) * width)
      at += frames
    }
    const out = await this.#joint.run({
      encoded: new ort.Tensor('float32', this.#encodedRows.subarray(0, pairs * width), [pairs, width]),
      predicted: new ort.Tensor('float32', this.#predictedRows.subarray(0, pairs * width), [pairs, width]),
    })
    return { tokens: out.token!.data as Int32Array, logProbs: out.log_prob!.data as Float32Array }
  }

  async #advance(cursors: readonly Cursor[], tokens: readonly number[]): Promise<void> {
    const { hidden, cell, predicted } = this.#state
    const n = cursors.length
    this.#hiddenRows = atLeast(this.#hiddenRows, n * hidden.size)
    this.#cellRows = atLeast(this.#cellRows, n * cell.size)
    cursors.forEach(({ row }, i) => {
      this.#hiddenRows.set(
        hidden.data.subarray(row.stateRow * hidden.size, (row.stateRow + 1) * hidden.size),
        i * hidden.size,
      )
      this.#cellRows.set(cell.data.subarray(row.stateRow * cell.size, (row.stateRow + 1) * cell.size), i * cell.size)
    })
    const out = await this.#prediction.run({
      token: new ort.Tensor('int32', Int32Array.from(tokens), [n]),
      hidden: new ort.Tensor('float32', this.#hiddenRows.subarray(0, n * hidden.size), [n, ...hidden.shape]),
      cell: new ort.Tensor('float32', this.#cellRows.subarray(0, n * cell.size), [n, ...cell.shape]),
    })
    const back = (t: { size: number; data: Float32Array }, values: Float32Array) =>
      cursors.forEach(({ row }, i) => t.data.set(values.subarray(i * t.size, (i + 1) * t.size), row.stateRow * t.size))
    back(hidden, out['new.hidden']!.data as Float32Array)
    back(cell, out['new.cell']!.data as Float32Array)
    back(predicted, out.predicted!.data as Float32Array)
  }
}

function atLeast(buffer: Float32Array, floats: number): Float32Array<ArrayBuffer> {
  return (buffer.length >= floats ? buffer : new Float32Array(floats * 2)) as Float32Array<ArrayBuffer>
}
