/**
 * A range of a file, read by position: the archive, then a member in it, then a member of that. Nothing is copied to
 * get from one to the next, so a 460 MB archive costs a file handle.
 */
import type { FileHandle } from 'node:fs/promises'
import { ModelError } from '../model-error.js'

export class ByteSource {
  readonly #file: FileHandle
  readonly #start: number
  /** Bytes in this range. */
  readonly length: number

  constructor(file: FileHandle, start: number, length: number) {
    this.#file = file
    this.#start = start
    this.length = length
  }

  slice(start: number, length: number): ByteSource {
    if (start < 0 || length < 0 || start + length > this.length) {
      throw new ModelError(
        'bad_archive',
        `bytes ${start}..${start + length} lie outside a range of ${this.length} bytes`,
      )
    }
    return new ByteSource(this.#file, this.#start + start, length)
  }

  /** Fills `out` from `position` on; throws when the range, or the file under it, ends before. */
  async readInto(out: Uint8Array, position: number): Promise<void> {
    if (position < 0 || position + out.length > this.length) {
      throw new ModelError(
        'bad_archive',
        `a read of ${out.length} bytes at ${position} passes the end at ${this.length}`,
      )
    }
    let done = 0
    while (done < out.length) {
      const { bytesRead } = await this.#file.read(out, done, out.length - done, this.#start + position + done)
      if (bytesRead === 0) throw new ModelError('bad_archive', 'the file ended while it was read')
      done += bytesRead
    }
  }

  /** A fresh buffer of its own (aligned for any typed array). */
  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(length)
    await this.readInto(out, position)
    return out
  }
}
