/**
 * The one file that holds every weight of a model. All graphs of a model directory name offsets in it, so the weights
 * are stored once, however many graphs use them, and ONNX Runtime maps them instead of parsing them.
 *
 * Written front to back, one tensor at a time: memory is that of the largest tensor. Each tensor starts on a page
 * border, as memory mapping wants.
 */
import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'

const ALIGNMENT_BYTES = 4096

export interface WeightLocation {
  offset: number
  length: number
}

export class WeightsFile {
  readonly fileName: string
  readonly #handle: FileHandle
  readonly #hash = createHash('sha256')
  #offset = 0

  private constructor(fileName: string, handle: FileHandle) {
    this.fileName = fileName
    this.#handle = handle
  }

  /** @param fileName the name by which graphs in the same folder refer to the file */
  static async create(path: string, fileName: string): Promise<WeightsFile> {
    return new WeightsFile(fileName, await open(path, 'wx'))
  }

  get bytes(): number {
    return this.#offset
  }

  /** Appends little-endian float32 values and tells where they are. */
  async append(values: Float32Array): Promise<WeightLocation> {
    const padding = (ALIGNMENT_BYTES - (this.#offset % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES
    if (padding > 0) await this.#write(Buffer.alloc(padding))
    const location = { offset: this.#offset, length: values.byteLength }
    await this.#write(Buffer.from(values.buffer, values.byteOffset, values.byteLength))
    return location
  }

  /** Closes the file; the result is the SHA-256 of its bytes, in hex. */
  async finish(): Promise<string> {
    await this.#handle.sync()
    await this.#handle.close()
    return this.#hash.digest('hex')
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {})
  }

  async #write(bytes: Buffer): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written)
      written += bytesWritten
    }
    this.#hash.update(bytes)
    this.#offset += bytes.length
  }
}
