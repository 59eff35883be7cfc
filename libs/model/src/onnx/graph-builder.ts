/**
 * Writes an ONNX graph as TypeScript reads: every method adds a node and returns the name of its output.
 *
 * Weights go to the model's weights file (external data); small constants stay inline. A name is used once, so the
 * order of calls is the order of execution and a profile of the graph reads like the code that wrote it.
 */
import { Model, type Attribute, type Graph, type Node, type Tensor, type ValueInfo } from '../gen/onnx.js'
import { AttributeType, DataLocation, DataType, IR_VERSION, MICROSOFT_DOMAIN, OPSET_VERSION } from './types.js'
import type { WeightLocation, WeightsFile } from './weights-file.js'

/** The name of a tensor in the graph. */
export type Value = string
export type Dim = number | string

type AttributeValue = number | { float: number } | string | readonly number[] | { graph: Graph }

export class GraphBuilder {
  readonly #name: string
  readonly #nodes: Node[] = []
  readonly #initializers: Tensor[] = []
  readonly #inputs: ValueInfo[] = []
  readonly #outputs: ValueInfo[] = []
  readonly #inline = new Map<string, Value>()
  readonly #parent: GraphBuilder | undefined
  /** Part of the names of the nodes that are added next, as `layers.3/attention`. */
  scope = ''
  #count = 0

  constructor(name: string, parent?: GraphBuilder) {
    this.#name = name
    this.#parent = parent
  }

  input(name: string, type: DataType, shape: readonly Dim[]): Value {
    this.#inputs.push(valueInfo(name, type, shape))
    return name
  }

  /** Gives `value` an outside name. */
  output(name: string, value: Value, type: DataType, shape: readonly Dim[]): void {
    this.#nodes.push(node('Identity', '', name, [value], [name], {}))
    this.#outputs.push(valueInfo(name, type, shape))
  }

  /** A weight in the weights file. */
  async weight(file: WeightsFile, name: string, shape: readonly number[], values: Float32Array): Promise<Value> {
    const elements = shape.reduce((a, b) => a * b, 1)
    if (elements !== values.length) {
      throw new Error(`weight ${name} has ${values.length} values for shape [${shape.join(', ')}]. This is a bug.`)
    }
    return this.stored(file.fileName, name, shape, await file.append(values))
  }

  /** A weight that lies in the weights file already. */
  stored(fileName: string, name: string, shape: readonly number[], at: WeightLocation): Value {
    this.#initializers.push({
      dims: shape.map(BigInt),
      dataType: DataType.FLOAT,
      name,
      rawData: Buffer.alloc(0),
      externalData: [
        { key: 'location', value: fileName },
        { key: 'offset', value: String(at.offset) },
        { key: 'length', value: String(at.length) },
      ],
      dataLocation: DataLocation.EXTERNAL,
    })
    return name
  }

  /** An inline int64 constant; a scalar where `shape` is []. Equal constants are one. */
  ints(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    const key = `i:${shape.join('x')}:${values.join(',')}`
    const raw = Buffer.from(BigInt64Array.from(values, (v) => BigInt(v)).buffer)
    return this.#constant(key, DataType.INT64, shape, raw)
  }

  /** An inline float32 constant; a scalar where `shape` is []. */
  floats(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    const key = `f:${shape.join('x')}:${values.join(',')}`
    return this.#constant(key, DataType.FLOAT, shape, Buffer.from(Float32Array.from(values).buffer))
  }

  #constant(key: string, dataType: DataType, shape: readonly number[], rawData: Buffer): Value {
    // A subgraph sees its parent's names, so constants live in the outermost graph.
    if (this.#parent) return this.#parent.#constant(key, dataType, shape, rawData)
    const known = this.#inline.get(key)
    if (known !== undefined) return known
    const name = `const/${this.#inline.size}`
    this.#initializers.push({ dims: shape.map(BigInt), dataType, name, rawData, externalData: [], dataLocation: 0 })
    this.#inline.set(key, name)
    return name
  }

  /** Adds a node with one output. */
  op(type: string, inputs: readonly Value[], attributes: Record<string, AttributeValue> = {}, domain = ''): Value {
    return this.ops(type, inputs, 1, attributes, domain)[0]!
  }

  /** Adds a node with several outputs. */
  ops(
    type: string,
    inputs: readonly Value[],
    outputs: number,
    attributes: Record<string, AttributeValue> = {},
    domain = '',
  ): Value[] {
    const name = `${this.#name}/${this.scope}${this.scope && '/'}${type}_${this.#count++}`
    const names = Array.from({ length: outputs }, (_, i) => (outputs === 1 ? name : `${name}:${i}`))
    this.#nodes.push(node(type, domain, name, inputs, names, attributes))
    return names
  }

  add = (a: Value, b: Value): Value => this.op('Add', [a, b])
  sub = (a: Value, b: Value): Value => this.op('Sub', [a, b])
  mul = (a: Value, b: Value): Value => this.op('Mul', [a, b])
  div = (a: Value, b: Value): Value => this.op('Div', [a, b])
  less = (a: Value, b: Value): Value => this.op('Less', [a, b])
  relu = (x: Value): Value => this.op('Relu', [x])
  where = (condition: Value, a: Value, b: Value): Value => this.op('Where', [condition, a, b])
  matmul = (a: Value, b: Value): Value => this.op('MatMul', [a, b])
  reshape = (x: Value, shape: Value): Value => this.op('Reshape', [x, shape])
  transpose = (x: Value, perm: readonly number[]): Value => this.op('Transpose', [x], { perm })
  concat = (xs: readonly Value[], axis: number): Value => this.op('Concat', xs, { axis })
  cast = (x: Value, to: DataType): Value => this.op('Cast', [x], { to })
  unsqueeze = (x: Value, axes: readonly number[]): Value => this.op('Unsqueeze', [x, this.ints(axes)])
  /** x @ w + b for a 2-D x; without b where the model has none. */
  gemm = (x: Value, w: Value, b?: Value): Value => this.op('Gemm', b === undefined ? [x, w] : [x, w, b])
  /** x * sigmoid(x), in one pass. */
  silu = (x: Value): Value => this.op('QuickGelu', [x], { alpha: { float: 1 } }, MICROSOFT_DOMAIN)
  /** a @ b^T over the last two axes. */
  matmulTransposed = (a: Value, b: Value): Value =>
    this.op('FusedMatMul', [a, b], { transA: 0, transB: 1, alpha: { float: 1 } }, MICROSOFT_DOMAIN)

  slice(x: Value, axis: number, start: number, end: number): Value {
    return this.op('Slice', [x, this.ints([start]), this.ints([end]), this.ints([axis])])
  }

  /** 0, 1, ... n-1 as int64; `n` is a scalar. */
  range(n: Value): Value {
    return this.op('Range', [this.ints([0], []), n, this.ints([1], [])])
  }

  layerNorm(x: Value, scale: Value, bias: Value): Value {
    return this.op('LayerNormalization', [x, scale, bias], { axis: -1, epsilon: { float: 1e-5 } })
  }

  /** Runs `then` only where the scalar bool `condition` holds; both branches give one tensor and may use outer names. */
  ifElse(condition: Value, then: (g: GraphBuilder) => Value, otherwise: (g: GraphBuilder) => Value): Value {
    const branch = (name: string, build: (g: GraphBuilder) => Value): Graph => {
      const inner = new GraphBuilder(`${this.#name}/${name}_${this.#count++}`, this)
      const value = build(inner)
      const result = inner.op('Identity', [value])
      inner.#outputs.push({ name: result, type: undefined })
      return inner.#graph()
    }
    return this.op('If', [condition], {
      then_branch: { graph: branch('then', then) },
      else_branch: { graph: branch('else', otherwise) },
    })
  }

  #graph(): Graph {
    return {
      node: this.#nodes,
      name: this.#name,
      initializer: this.#initializers,
      docString: '',
      input: this.#inputs,
      output: this.#outputs,
    }
  }

  /** The finished model file. */
  encode(description: string, metadata: Record<string, string> = {}): Uint8Array {
    return Model.encode({
      irVersion: BigInt(IR_VERSION),
      producerName: 'yap',
      producerVersion: '',
      docString: description,
      graph: this.#graph(),
      opsetImport: [
        { domain: '', version: BigInt(OPSET_VERSION) },
        { domain: MICROSOFT_DOMAIN, version: 1n },
      ],
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    }).finish()
  }
}

function valueInfo(name: string, elemType: DataType, shape: readonly Dim[]): ValueInfo {
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: BigInt(d) } : { dimParam: d }))
  return { name, type: { tensorType: { elemType, shape: { dim } } } }
}

function node(
  opType: string,
  domain: string,
  name: string,
  input: readonly Value[],
  output: readonly Value[],
  attributes: Record<string, AttributeValue>,
): Node {
  const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value))
  return { input: [...input], output: [...output], name, opType, attribute, domain }
}

function attributeOf(name: string, value: AttributeValue): Attribute {
  const empty = { name, s: Buffer.alloc(0), floats: [], ints: [], type: 0 }
  if (typeof value === 'number') return { ...empty, i: BigInt(value), type: AttributeType.INT }
  if (typeof value === 'string') return { ...empty, s: Buffer.from(value), type: AttributeType.STRING }
  if ('float' in value) return { ...empty, f: value.float, type: AttributeType.FLOAT }
  if ('graph' in value) return { ...empty, g: value.graph, type: AttributeType.GRAPH }
  return { ...empty, ints: value.map(BigInt), type: AttributeType.INTS }
}
