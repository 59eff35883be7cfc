/** What a checkpoint's pickle may hold, and nothing else: plain values, and tensors that are still in the file. */

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | PickleGlobal
  | StorageRef
  | TensorRef

/** Keys are compared by value where they are strings or numbers, which is all that a state dictionary has. */
export class PickleDict {
  readonly items = new Map<PickleValue, PickleValue>()
}

/** A name from the allow-list; it is called, never imported. */
export class PickleGlobal {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** A run of numbers in the file, that one or many tensors look into. */
export class StorageRef {
  readonly type: StorageType
  /** The member of the zip that holds it: `<prefix>/data/<key>`. */
  readonly key: string
  /** In numbers, not bytes. */
  readonly length: number

  constructor(type: StorageType, key: string, length: number) {
    this.type = type
    this.key = key
    this.length = length
  }
}

/** A view of a storage: element (i, j, …) is number offset + i*strides[0] + j*strides[1] + … */
export class TensorRef {
  readonly storage: StorageRef
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]

  constructor(storage: StorageRef, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

/** Bytes of one number, by torch's name of the storage. */
export const STORAGE_BYTES = {
  FloatStorage: 4,
  HalfStorage: 2,
  BFloat16Storage: 2,
  DoubleStorage: 8,
  LongStorage: 8,
  IntStorage: 4,
  ShortStorage: 2,
  CharStorage: 1,
  ByteStorage: 1,
  BoolStorage: 1,
} as const

export type StorageType = keyof typeof STORAGE_BYTES

export function isStorageType(name: string): name is StorageType {
  return Object.hasOwn(STORAGE_BYTES, name)
}
