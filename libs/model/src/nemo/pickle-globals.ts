/** The names that a checkpoint may call, and what they make here. Every other name is refused, and said. */
import { ModelError } from '../model-error.js'
import { PickleDict, StorageRef, TensorRef, isStorageType, type PickleValue } from './pickle-values.js'

/** More dimensions than any tensor of the family (conv weights have 4). */
const DIMENSIONS_MAX = 8
const NAME_SHOWN_MAX = 80

const FUNCTIONS = new Set([
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_parameter',
  'torch.Size',
])

export interface Call {
  readonly name: string
  readonly args: readonly PickleValue[]
}

/** Returns `module.name` when a checkpoint may use it; else throws a ModelError that names it. */
export function refuseUnlessAllowed(module: string, name: string): string {
  const full = `${module}.${name}`
  if (FUNCTIONS.has(full) || (module === 'torch' && isStorageType(name))) return full
  throw new ModelError('bad_archive', `checkpoint names ${printable(full)}, which is not a tensor; refusing to load it`)
}

/** The name comes from the file: nothing in it may move a terminal's cursor or fill the screen. */
function printable(name: string): string {
  const clean = name.replace(/[^\x20-\x7e]/g, '?')
  return clean.length > NAME_SHOWN_MAX ? `${clean.slice(0, NAME_SHOWN_MAX)}…` : clean
}

export function applyGlobal({ name, args }: Call): PickleValue {
  switch (name) {
    case 'collections.OrderedDict':
      return orderedDict(args)
    case 'torch._utils._rebuild_tensor_v2':
      return rebuildTensor(args)
    case 'torch._utils._rebuild_parameter':
      if (args[0] instanceof TensorRef) return args[0]
      throw bad('a parameter without a tensor')
    case 'torch.Size':
      if (Array.isArray(args[0])) return args[0]
      throw bad('a torch.Size of no tuple')
    default:
      throw bad(`${printable(name)} is called, which is not a function`)
  }
}

/** torch makes it empty and fills it by opcodes. Pairs as an argument would let a short pickle copy a long list often. */
function orderedDict(args: readonly PickleValue[]): PickleDict {
  if (args.length > 0) throw bad('an OrderedDict that is not made empty')
  return new PickleDict()
}

/** _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks) */
function rebuildTensor(args: readonly PickleValue[]): TensorRef {
  const [storage, offset, shape, strides] = args
  if (!(storage instanceof StorageRef) || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
    throw bad('a tensor is not described by storage, offset, shape and strides')
  }
  if (shape.length !== strides.length) throw bad(`a tensor of ${shape.length} dimensions has ${strides.length} strides`)
  return new TensorRef(storage, offset, [...shape], [...strides])
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= DIMENSIONS_MAX && value.every(isCount)
}

function bad(message: string): ModelError {
  return new ModelError('bad_archive', `checkpoint: ${message}`)
}
