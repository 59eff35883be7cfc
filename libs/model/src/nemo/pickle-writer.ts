/** The pickle (protocol 2) of an OrderedDict of float32 tensors, tensor i in storage i; as torch.save has it, but for the memo. */
import type { NamedTensor } from './torch-zip-writer.js'

const STOP = Buffer.from('.')
const MARK = Buffer.from('(')
const TUPLE = Buffer.from('t')
const REDUCE = Buffer.from('R')
const EMPTY_TUPLE = Buffer.from(')')
const SETITEMS = Buffer.from('u')
const BINPERSID = Buffer.from('Q')
const NEWFALSE = Buffer.from([0x89])
const PROTOCOL_2 = Buffer.from([0x80, 2])

export function pickleStateDict(tensors: readonly Pick<NamedTensor, 'name' | 'shape'>[]): Buffer {
  const orderedDict = [globalName('collections', 'OrderedDict'), EMPTY_TUPLE, REDUCE]
  const rows = tensors.flatMap(({ name, shape }, i) => {
    const strides = rowMajorStrides(shape)
    const count = shape.reduce((product, size) => product * size, 1)
    const type = globalName('torch', 'FloatStorage')
    const storage = [MARK, text('storage'), type, text(String(i)), text('cpu'), integer(count), TUPLE, BINPERSID]
    const args = [storage, integer(0), tuple(shape), tuple(strides), NEWFALSE, orderedDict].flat()
    return [text(name), globalName('torch._utils', '_rebuild_tensor_v2'), MARK, ...args, TUPLE, REDUCE]
  })
  return Buffer.concat([PROTOCOL_2, ...orderedDict, MARK, ...rows, SETITEMS, STOP])
}

function tuple(values: readonly number[]): Buffer[] {
  return [MARK, ...values.map(integer), TUPLE]
}

function rowMajorStrides(shape: readonly number[]): number[] {
  const strides: number[] = []
  let stride = 1
  for (const size of shape.toReversed()) {
    strides.unshift(stride)
    stride *= size
  }
  return strides
}

function globalName(module: string, name: string): Buffer {
  return Buffer.from(`c${module}\n${name}\n`)
}

function text(value: string): Buffer {
  const encoded = Buffer.from(value)
  const header = Buffer.alloc(5)
  header.write('X')
  header.writeUInt32LE(encoded.length, 1)
  return Buffer.concat([header, encoded])
}

/** BININT holds 31 bits: more numbers than a tensor of this family ever has. */
function integer(value: number): Buffer {
  const out = Buffer.alloc(5)
  out.write('J')
  out.writeInt32LE(value, 1)
  return out
}
