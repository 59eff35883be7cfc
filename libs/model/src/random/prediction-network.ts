/** The prediction network in plain loops, for calibration. One LSTM layer, gates in torch's order i, f, g, o. */
import { linear } from './dense.js'

/** Tensors by the names that a checkpoint has. */
export type Tensor = (name: string) => Float32Array

export class PredictionNetwork {
  readonly #tensor: Tensor
  readonly #width: number
  #hidden: Float32Array
  #cell: Float32Array

  constructor(tensor: Tensor, width: number) {
    this.#tensor = tensor
    this.#width = width
    this.#hidden = new Float32Array(width)
    this.#cell = new Float32Array(width)
  }

  /** The LSTM's output after one more token. */
  step(token: number): Float32Array {
    const p = this.#width
    const lstm = (part: string) => this.#tensor(`decoder.prediction.dec_rnn.lstm.${part}_l0`)
    const embedded = this.#tensor('decoder.prediction.embed.weight').subarray(token * p, (token + 1) * p)
    const fromInput = linear(embedded, p, lstm('weight_ih'), lstm('bias_ih'))
    const fromHidden = linear(this.#hidden, p, lstm('weight_hh'), lstm('bias_hh'))
    const gate = (k: number, i: number) => fromInput[k * p + i]! + fromHidden[k * p + i]!
    const cell = this.#cell.map((c, i) => sigmoid(gate(1, i)) * c + sigmoid(gate(0, i)) * Math.tanh(gate(2, i)))
    this.#hidden = cell.map((c, i) => sigmoid(gate(3, i)) * Math.tanh(c))
    this.#cell = cell
    return this.#hidden
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}
