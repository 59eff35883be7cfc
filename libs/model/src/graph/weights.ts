/**
 * From a checkpoint's tensors to a graph's weights: reads one tensor, brings it into the form that the graph multiplies
 * with, appends it to the weights file. Nothing but the tensor at hand is in memory.
 */
import type { GraphBuilder, Value } from '../onnx/graph-builder.js'
import type { WeightsFile } from '../onnx/weights-file.js'
import type { TensorSource } from './checkpoint-shapes.js'
import { scaled, transposed } from './matrix.js'

/** A linear layer's weights in the graph: x @ w + b, w being [from, to]. */
export interface Linear {
  w: Value
  b: Value | undefined
}

export class Weights {
  readonly #graph: GraphBuilder
  readonly #source: TensorSource
  readonly #file: WeightsFile
  readonly #onTensor: (name: string) => void

  constructor(graph: GraphBuilder, source: TensorSource, file: WeightsFile, onTensor: (name: string) => void) {
    this.#graph = graph
    this.#source = source
    this.#file = file
    this.#onTensor = onTensor
  }

  read(name: string): Promise<Float32Array> {
    return this.#source.read(name)
  }

  has(name: string): boolean {
    return this.#source.has(name)
  }

  put(name: string, shape: readonly number[], values: Float32Array): Promise<Value> {
    this.#onTensor(name)
    return this.#graph.weight(this.#file, name, shape, values)
  }

  async vector(name: string): Promise<Value> {
    const values = await this.read(name)
    return this.put(name, [values.length], values)
  }

  /** As it is in the checkpoint. */
  async tensor(name: string): Promise<Value> {
    return this.put(name, this.#source.shape(name), await this.read(name))
  }

  /** A linear layer, or a convolution of kernel 1, [to, from] in the checkpoint; `factor` is multiplied in. */
  async linear(name: string, factor = 1): Promise<Linear> {
    const [to, from] = this.#source.shape(`${name}.weight`) as [number, number]
    const weight = transposed(await this.read(`${name}.weight`), to, from)
    const w = await this.put(`${name}.weight`, [from, to], factor === 1 ? weight : scaled(weight, factor))
    if (!this.has(`${name}.bias`)) return { w, b: undefined }
    const bias = await this.read(`${name}.bias`)
    return { w, b: await this.put(`${name}.bias`, [to], factor === 1 ? bias : scaled(bias, factor)) }
  }
}
