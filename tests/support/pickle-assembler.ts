/** Pickles by hand, opcode by opcode: what torch.save writes, and what it never would. */

/** One argument of a pickled tensor. `type` is torch's name of the storage. */
export interface PickledTensor {
  name: string
  type: string
  key: string
  /** Numbers in the storage. */
  length: number
  offset?: number
  shape: number[]
  strides?: number[]
  /** Wrapped in _rebuild_parameter, as a pickled nn.Parameter is. */
  parameter?: boolean
}

export const op = {
  proto: (version: number) => Buffer.from([0x80, version]),
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  text: (value: string) => {
    const bytes = Buffer.from(value)
    return Buffer.concat([Buffer.from('X'), uint32(bytes.length), bytes])
  },
  shortText: (value: string) => Buffer.concat([Buffer.from([0x8c, value.length]), Buffer.from(value)]),
  int: (value: number) => Buffer.concat([Buffer.from('J'), uint32(value >>> 0)]),
  mark: Buffer.from('('),
  tuple: Buffer.from('t'),
  emptyTuple: Buffer.from(')'),
  reduce: Buffer.from('R'),
  persistentId: Buffer.from('Q'),
  setItems: Buffer.from('u'),
  false: Buffer.from([0x89]),
  stackGlobal: Buffer.from([0x93]),
  memoize: Buffer.from([0x94]),
  stop: Buffer.from('.'),
}

export function uint32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(value)
  return out
}

const orderedDict = [op.global('collections', 'OrderedDict'), op.emptyTuple, op.reduce]

export function pickledTensor(tensor: PickledTensor): Buffer {
  const { type, key, length, offset = 0, shape, strides = rowMajor(shape), parameter } = tensor
  const numbers = (values: number[]) => [op.mark, ...values.map(op.int), op.tuple]
  const storage = [
    op.mark,
    op.text('storage'),
    op.global('torch', type),
    op.text(key),
    op.text('cuda:0'),
    op.int(length),
  ]
  const args = [op.int(offset), ...numbers(shape), ...numbers(strides), op.false, ...orderedDict]
  const rebuild = op.global('torch._utils', '_rebuild_tensor_v2')
  const view = [rebuild, op.mark, ...storage, op.tuple, op.persistentId, ...args, op.tuple, op.reduce]
  if (!parameter) return Buffer.concat(view)
  const wrap = op.global('torch._utils', '_rebuild_parameter')
  return Buffer.concat([wrap, op.mark, ...view, op.false, ...orderedDict, op.tuple, op.reduce])
}

export function pickledStateDict(tensors: PickledTensor[]): Buffer {
  const rows = tensors.flatMap((tensor) => [op.text(tensor.name), pickledTensor(tensor)])
  return Buffer.concat([op.proto(2), ...orderedDict, op.mark, ...rows, op.setItems, op.stop])
}

function rowMajor(shape: number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1))
}
