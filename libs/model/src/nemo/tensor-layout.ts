/** From the bytes of a storage to row-major float32: number formats, offsets and strides. Pure. */
import { ModelError } from '../model-error.js'
import { STORAGE_BYTES, type StorageType, type TensorRef } from './pickle-values.js'

/** 1 GiB of float32; the largest tensor of a 1.1 B model has 8 M. Stops strides of 0 that blow up a small storage. */
const ELEMENTS_MAX = 2 ** 28

/** The numbers of a storage that a tensor looks at: [start, end), checked to lie inside. */
export function spanOf(name: string, tensor: TensorRef): { start: number; end: number; elements: number } {
  const { storage, offset, shape, strides } = tensor
  let elements = 1
  let last = offset
  for (const [axis, size] of shape.entries()) {
    elements *= size
    last += Math.max(0, size - 1) * strides[axis]!
  }
  if (elements > ELEMENTS_MAX) {
    throw new ModelError('bad_archive', `tensor ${name} has ${elements} elements; at most ${ELEMENTS_MAX} are read`)
  }
  if (elements === 0) return { start: 0, end: 0, elements }
  if (last >= storage.length) {
    throw new ModelError(
      'bad_archive',
      `tensor ${name} looks at number ${last} of storage ${storage.key}, which has ${storage.length}`,
    )
  }
  return { start: offset, end: last + 1, elements }
}

/**
 * Gathers a tensor, row-major.
 *
 * @param numbers the storage's numbers [span.start, span.end), as float32
 */
export function gather(tensor: TensorRef, numbers: Float32Array, elements: number): Float32Array {
  const { shape, strides } = tensor
  if (isRowMajor(shape, strides)) return numbers
  const out = new Float32Array(elements)
  const index = shape.map(() => 0)
  let from = 0
  for (let to = 0; to < elements; to++) {
    out[to] = numbers[from]!
    // Count up the index like an odometer; `from` follows by strides.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      from -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return out
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    // The stride of a dimension of one element is never used.
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/** Little-endian numbers of any stored type as float32. `bytes` begins at a buffer's start (aligned). */
export function toFloat32(type: StorageType, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const { buffer } = bytes
  const count = bytes.length / STORAGE_BYTES[type]
  switch (type) {
    case 'FloatStorage':
      return new Float32Array(buffer, 0, count)
    case 'DoubleStorage':
      return Float32Array.from(new Float64Array(buffer, 0, count))
    case 'HalfStorage':
      return fromHalf(new Uint16Array(buffer, 0, count))
    case 'BFloat16Storage':
      return fromBFloat16(new Uint16Array(buffer, 0, count))
    case 'LongStorage':
      return Float32Array.from(new BigInt64Array(buffer, 0, count), Number)
    case 'IntStorage':
      return Float32Array.from(new Int32Array(buffer, 0, count))
    case 'ShortStorage':
      return Float32Array.from(new Int16Array(buffer, 0, count))
    case 'CharStorage':
      return Float32Array.from(new Int8Array(buffer, 0, count))
    case 'ByteStorage':
    case 'BoolStorage':
      return Float32Array.from(bytes)
  }
}

/** bfloat16 is the upper half of a float32. */
function fromBFloat16(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length)
  const bits = new Uint32Array(out.buffer)
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16
  return out
}

/**
 * IEEE half: 1 sign, 5 exponent (bias 15), 10 fraction bits. Shifted into a float32's places the exponent is too small by
 * 127 - 15, so multiplying by 2^112 puts it right, for numbers below the normal range as well.
 */
function fromHalf(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length)
  const bits = new Uint32Array(out.buffer)
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!
    bits[i] = (half & 0x7fff) << 13
    if ((half & 0x7c00) === 0x7c00) bits[i] = 0x7f800000 | ((half & 0x03ff) << 13)
    else out[i] = out[i]! * 2 ** 112
    if (half & 0x8000) bits[i] = bits[i]! | 0x80000000
  }
  return out
}
