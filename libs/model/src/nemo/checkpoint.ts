/** The tensors of a .nemo by name, each read from the file when it is asked for. */
import { ModelError } from '../model-error.js'
import type { ByteSource } from './byte-source.js'
import { PickleDict, STORAGE_BYTES, TensorRef } from './pickle-values.js'
import { gather, spanOf, toFloat32 } from './tensor-layout.js'
import { TorchZip } from './torch-zip.js'
import { PICKLE_BYTES_MAX, unpickle } from './unpickle.js'

export interface Checkpoint {
  names(): string[]
  has(name: string): boolean
  /** Throws ModelError 'bad_model' where there is no such tensor. */
  shape(name: string): readonly number[]
  /** The whole tensor, row-major float32, whatever its stored type and strides; the caller owns it. */
  read(name: string): Promise<Float32Array>
}

export class TorchCheckpoint implements Checkpoint {
  readonly #zip: TorchZip
  readonly #tensors: ReadonlyMap<string, TensorRef>

  private constructor(zip: TorchZip, tensors: ReadonlyMap<string, TensorRef>) {
    this.#zip = zip
    this.#tensors = tensors
  }

  /** Reads the table of tensors and checks each against its storage; no numbers are read yet. */
  static async open(source: ByteSource): Promise<TorchCheckpoint> {
    const zip = await TorchZip.open(source)
    try {
      const tensors = tensorsIn(unpickle(await zip.readWhole('data.pkl', PICKLE_BYTES_MAX)))
      for (const [name, tensor] of tensors) requireStorage(zip, name, tensor)
      return new TorchCheckpoint(zip, tensors)
    } catch (error) {
      zip.close()
      throw error
    }
  }

  close(): void {
    this.#zip.close()
  }

  names(): string[] {
    return [...this.#tensors.keys()]
  }

  has(name: string): boolean {
    return this.#tensors.has(name)
  }

  shape(name: string): readonly number[] {
    return this.#tensor(name).shape
  }

  async read(name: string): Promise<Float32Array> {
    const tensor = this.#tensor(name)
    const { start, end, elements } = spanOf(name, tensor)
    const { type, key } = tensor.storage
    const size = STORAGE_BYTES[type]
    const bytes = await this.#zip.read(`data/${key}`, start * size, (end - start) * size)
    return gather(tensor, toFloat32(type, bytes), elements)
  }

  #tensor(name: string): TensorRef {
    const tensor = this.#tensors.get(name)
    if (!tensor) throw new ModelError('bad_model', `the checkpoint has no tensor ${name}`)
    return tensor
  }
}

function tensorsIn(root: unknown): Map<string, TensorRef> {
  if (!(root instanceof PickleDict))
    throw new ModelError('bad_archive', 'checkpoint: it is not a dictionary of tensors')
  const tensors = new Map<string, TensorRef>()
  for (const [name, value] of root.items) {
    // Other values (an optimiser's step, a module's extra state) are no weights.
    if (typeof name === 'string' && value instanceof TensorRef) tensors.set(name, value)
  }
  if (tensors.size === 0) throw new ModelError('bad_archive', 'checkpoint: there are no tensors in it')
  return tensors
}

function requireStorage(zip: TorchZip, name: string, tensor: TensorRef): void {
  spanOf(name, tensor)
  const { key, length, type } = tensor.storage
  const bytes = zip.bytesOf(`data/${key}`)
  const needed = length * STORAGE_BYTES[type]
  if (bytes === undefined) throw new ModelError('bad_archive', `checkpoint: the data of tensor ${name} is missing`)
  if (bytes < needed) {
    throw new ModelError(
      'bad_archive',
      `checkpoint: the storage of tensor ${name} has ${bytes} bytes, and ${needed} are needed`,
    )
  }
}
