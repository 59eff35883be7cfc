/**
 * A pickle machine that can build tensors and nothing else.
 *
 * A pickle is a program: opcodes push values on a stack and may call any Python function by name. Checkpoints come from
 * strangers, so this one knows only the opcodes that torch.save writes (protocols 2 to 5) and calls only the names in
 * `ALLOWED`; the first other name ends the reading and is told to the user. Nothing is imported or evaluated anywhere.
 *
 * Bounds: every opcode takes at least a byte and makes at most one value, so the work is linear in the length, which is
 * bounded, as are the values, the stack and the memo. There is no recursion.
 */
import { ModelError } from '../model-error.js'
import { applyGlobal, refuseUnlessAllowed, type Call } from './pickle-globals.js'
import { PickleDict, PickleGlobal, StorageRef, isStorageType, type PickleValue } from './pickle-values.js'

/** A 114 M model's pickle has 130 kB; a thousand layers would have 6 MB. */
export const PICKLE_BYTES_MAX = 32 * 2 ** 20
/** Values made in all; a 114 M model makes 20 thousand. */
const VALUES_MAX = 2_000_000
const STACK_MAX = 100_000
const MARKS_MAX = 1000
/** Shapes and offsets are small integers; torch writes none above 8 bytes. */
const LONG_BYTES_MAX = 8

/** Returns the pickled value. Throws ModelError 'bad_archive' for anything that is not a plain dictionary of tensors. */
export function unpickle(bytes: Uint8Array): PickleValue {
  if (bytes.length > PICKLE_BYTES_MAX) {
    throw bad(`data.pkl has ${bytes.length} bytes; at most ${PICKLE_BYTES_MAX} are read`)
  }
  return new Unpickler(bytes).run()
}

function bad(message: string): ModelError {
  return new ModelError('bad_archive', `checkpoint: ${message}`)
}

class Unpickler {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  #stack: PickleValue[] = []
  /** Stack heights at the open MARKs, rising. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()
  #values = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  run(): PickleValue {
    for (;;) {
      const start = this.#at
      const opcode = this.#take(1)[0]!
      if (opcode === 0x2e /* STOP */) return this.#pop()
      const act = OPCODES.get(opcode)
      if (!act)
        throw bad(`pickle opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${start} is none that torch writes`)
      act(this)
    }
  }

  // --- reading

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw bad(`data.pkl is truncated at byte ${this.#bytes.length}`)
    const out = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return out
  }

  unsigned(size: 1 | 2 | 4 | 8): number {
    const at = this.#at
    this.#take(size)
    if (size === 1) return this.#view.getUint8(at)
    if (size === 2) return this.#view.getUint16(at, true)
    if (size === 4) return this.#view.getUint32(at, true)
    const wide = this.#view.getBigUint64(at, true)
    // A length beyond 2^53 is beyond the end as well.
    return wide > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(wide)
  }

  int32(): number {
    return new DataView(this.#take(4).slice().buffer).getInt32(0, true)
  }

  float64(): number {
    return new DataView(this.#take(8).slice().buffer).getFloat64(0, false)
  }

  /** Two's complement, little-endian, as pickle writes big integers. */
  long(size: number): number | bigint {
    if (size > LONG_BYTES_MAX) throw bad(`an integer of ${size} bytes; at most ${LONG_BYTES_MAX} are read`)
    let value = 0n
    for (const [i, byte] of this.#take(size).entries()) value |= BigInt(byte) << BigInt(8 * i)
    const signed = BigInt.asIntN(8 * size, value)
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed
  }

  text(length: number): string {
    return Buffer.from(this.#take(length)).toString('utf8')
  }

  raw(length: number): Uint8Array {
    return this.#take(length).slice()
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0) throw bad(`data.pkl is truncated at byte ${this.#bytes.length}`)
    const out = this.text(end - this.#at)
    this.#at++
    return out
  }

  // --- the stack

  push(value: PickleValue): void {
    if (++this.#values > VALUES_MAX) throw bad(`more than ${VALUES_MAX} values in data.pkl`)
    if (this.#stack.length >= STACK_MAX) throw bad(`more than ${STACK_MAX} values on the pickle's stack`)
    this.#stack.push(value)
  }

  #pop(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw bad('the pickle takes a value from an empty stack')
    return this.#stack.pop()!
  }

  pop(): PickleValue {
    return this.#pop()
  }

  top(): PickleValue {
    const value = this.#pop()
    this.#stack.push(value)
    return value
  }

  mark(): void {
    if (this.#marks.length >= MARKS_MAX) throw bad(`more than ${MARKS_MAX} open marks in the pickle`)
    this.#marks.push(this.#stack.length)
  }

  popToMark(): PickleValue[] {
    const height = this.#marks.pop()
    if (height === undefined) throw bad('the pickle closes a mark that is not open')
    return this.#stack.splice(height)
  }

  popItems(length: number): PickleValue[] {
    const items: PickleValue[] = []
    for (let i = 0; i < length; i++) items.unshift(this.#pop())
    return items
  }

  // --- what opcodes do

  put(index: number): void {
    this.#memo.set(index, this.top())
  }

  memoize(): void {
    this.put(this.#memo.size)
  }

  get(index: number): void {
    const value = this.#memo.get(index)
    if (value === undefined) throw bad(`the pickle recalls value ${index}, which it never kept`)
    this.push(value)
  }

  append(items: PickleValue[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw bad('the pickle appends to what is not a list')
    for (const item of items) list.push(item)
  }

  setItems(items: PickleValue[]): void {
    const dict = this.top()
    if (!(dict instanceof PickleDict) || items.length % 2 !== 0) throw bad('the pickle sets keys of what is not a dict')
    for (let i = 0; i < items.length; i += 2) dict.items.set(items[i]!, items[i + 1]!)
  }

  global(module: string, name: string): void {
    this.push(new PickleGlobal(refuseUnlessAllowed(module, name)))
  }

  stackGlobal(): void {
    const name = this.#pop()
    const module = this.#pop()
    if (typeof name !== 'string' || typeof module !== 'string') throw bad('the pickle names a global by no text')
    this.global(module, name)
  }

  reduce(): void {
    const args = this.#pop()
    const callee = this.#pop()
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) throw bad('the pickle calls what is not a function')
    this.push(applyGlobal({ name: callee.name, args } satisfies Call))
  }

  /** Attributes: torch sets `_metadata` on its OrderedDict so. They say nothing about tensors, and are let go. */
  build(): void {
    this.#pop()
    if (!(this.top() instanceof PickleDict)) throw bad('the pickle sets attributes of what is not a dict')
  }

  /** ('storage', torch.FloatStorage, key, device, length): the only persistent id that torch writes. */
  persistentId(): void {
    const id = this.#pop()
    if (!Array.isArray(id)) throw bad('a storage is not described by a tuple')
    const [kind, type, key, , length] = id
    const typeName = type instanceof PickleGlobal ? type.name.replace(/^torch\./, '') : ''
    if (kind !== 'storage' || !isStorageType(typeName)) throw bad('a storage of no known kind')
    if (typeof key !== 'string' || !/^\w{1,64}$/.test(key)) throw bad('a storage without a proper key')
    if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) {
      throw bad(`storage ${key} has no proper length`)
    }
    this.push(new StorageRef(typeName, key, length))
  }
}

type Act = (machine: Unpickler) => void

/** Opcodes by number, in the order of Python's pickletools. */
const OPCODES: ReadonlyMap<number, Act> = new Map<number, Act>([
  [0x80 /* PROTO */, (m) => requireProtocol(m.unsigned(1))],
  [0x95 /* FRAME */, (m) => void m.unsigned(8)],
  [0x28 /* MARK */, (m) => m.mark()],
  [0x30 /* POP */, (m) => void m.pop()],
  [0x31 /* POP_MARK */, (m) => void m.popToMark()],
  [0x4e /* NONE */, (m) => m.push(null)],
  [0x88 /* NEWTRUE */, (m) => m.push(true)],
  [0x89 /* NEWFALSE */, (m) => m.push(false)],
  [0x4a /* BININT */, (m) => m.push(m.int32())],
  [0x4b /* BININT1 */, (m) => m.push(m.unsigned(1))],
  [0x4d /* BININT2 */, (m) => m.push(m.unsigned(2))],
  [0x8a /* LONG1 */, (m) => m.push(m.long(m.unsigned(1)))],
  [0x47 /* BINFLOAT */, (m) => m.push(m.float64())],
  [0x58 /* BINUNICODE */, (m) => m.push(m.text(m.unsigned(4)))],
  [0x8c /* SHORT_BINUNICODE */, (m) => m.push(m.text(m.unsigned(1)))],
  [0x8d /* BINUNICODE8 */, (m) => m.push(m.text(m.unsigned(8)))],
  [0x43 /* SHORT_BINBYTES */, (m) => m.push(m.raw(m.unsigned(1)))],
  [0x42 /* BINBYTES */, (m) => m.push(m.raw(m.unsigned(4)))],
  [0x5d /* EMPTY_LIST */, (m) => m.push([])],
  [0x61 /* APPEND */, (m) => m.append([m.pop()])],
  [0x65 /* APPENDS */, (m) => m.append(m.popToMark())],
  [0x29 /* EMPTY_TUPLE */, (m) => m.push([])],
  [0x85 /* TUPLE1 */, (m) => m.push(m.popItems(1))],
  [0x86 /* TUPLE2 */, (m) => m.push(m.popItems(2))],
  [0x87 /* TUPLE3 */, (m) => m.push(m.popItems(3))],
  [0x74 /* TUPLE */, (m) => m.push(m.popToMark())],
  [0x7d /* EMPTY_DICT */, (m) => m.push(new PickleDict())],
  [0x73 /* SETITEM */, (m) => m.setItems(m.popItems(2))],
  [0x75 /* SETITEMS */, (m) => m.setItems(m.popToMark())],
  [0x71 /* BINPUT */, (m) => m.put(m.unsigned(1))],
  [0x72 /* LONG_BINPUT */, (m) => m.put(m.unsigned(4))],
  [0x94 /* MEMOIZE */, (m) => m.memoize()],
  [0x68 /* BINGET */, (m) => m.get(m.unsigned(1))],
  [0x6a /* LONG_BINGET */, (m) => m.get(m.unsigned(4))],
  [0x63 /* GLOBAL */, (m) => m.global(m.line(), m.line())],
  [0x93 /* STACK_GLOBAL */, (m) => m.stackGlobal()],
  // INST calls a global at once. torch writes none; reading its name lets the refusal say it.
  [0x69 /* INST */, (m) => (refuseUnlessAllowed(m.line(), m.line()), refuseInst())],
  [0x52 /* REDUCE */, (m) => m.reduce()],
  [0x62 /* BUILD */, (m) => m.build()],
  [0x51 /* BINPERSID */, (m) => m.persistentId()],
])

function requireProtocol(version: number): void {
  if (version < 2 || version > 5) throw bad(`pickle protocol ${version}; 2 to 5 are read`)
}

function refuseInst(): never {
  throw bad('pickle opcode 0x69 is none that torch writes')
}
