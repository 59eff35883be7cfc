/**
 * torch's checkpoint container: a zip with `<prefix>/data.pkl` and one member a storage, `<prefix>/data/<key>`.
 * The prefix differs by writer and is taken from the first member. Stored members are read in place; deflated ones
 * (zip tools make them, torch does not) are inflated one at a time.
 */
import { crc32 } from 'node:zlib'
import { Readable } from 'node:stream'
import { RandomAccessReader, fromRandomAccessReader, type Entry, type ZipFile } from 'yauzl'
import { ModelError } from '../model-error.js'
import type { ByteSource } from './byte-source.js'

/** A 114 M model has 700 members. */
const ENTRIES_MAX = 100_000
/** A deflated member is held whole while it is read. */
const INFLATED_BYTES_MAX = 2 ** 31

export class TorchZip {
  readonly #source: ByteSource
  readonly #zip: ZipFile
  readonly #entries: ReadonlyMap<string, Entry>
  readonly #prefix: string

  private constructor(source: ByteSource, zip: ZipFile, entries: Map<string, Entry>) {
    this.#source = source
    this.#zip = zip
    this.#entries = entries
    const first = entries.keys().next().value ?? ''
    this.#prefix = first.slice(0, first.indexOf('/') + 1)
  }

  static async open(source: ByteSource): Promise<TorchZip> {
    await refuseOtherFormats(source)
    const zip = await inWords(openZip(source))
    const entries = await inWords(listEntries(zip))
    const opened = new TorchZip(source, zip, entries)
    const order = entries.has(`${opened.#prefix}byteorder`) ? await opened.readWhole('byteorder', 16) : undefined
    const orderName = order ? Buffer.from(order).toString('latin1').trim() : 'little'
    if (orderName === 'little') return opened
    throw new ModelError('unsupported', `checkpoint: byte order ${JSON.stringify(orderName)}; only little is read`)
  }

  close(): void {
    this.#zip.close()
  }

  /** Bytes of a member, or undefined where there is none of that name (without the prefix). */
  bytesOf(name: string): number | undefined {
    return this.#entries.get(this.#prefix + name)?.uncompressedSize
  }

  readWhole(name: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.bytesOf(name)
    if (bytes === undefined) throw new ModelError('bad_archive', `checkpoint: member ${name} is missing`)
    if (bytes > bytesMax) {
      throw new ModelError('bad_archive', `checkpoint: ${name} has ${bytes} bytes; at most ${bytesMax} are read`)
    }
    return this.read(name, 0, bytes)
  }

  /** Bytes [start, start + length) of a member, in a buffer of their own. The checksum is compared where all are read. */
  async read(name: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entries.get(this.#prefix + name)
    if (!entry) throw new ModelError('bad_archive', `checkpoint: member ${name} is missing`)
    if (start + length > entry.uncompressedSize) {
      throw new ModelError(
        'bad_archive',
        `checkpoint: ${name} has ${entry.uncompressedSize} bytes, and ${start + length} are needed`,
      )
    }
    const bytes = await inWords(
      entry.compressionMethod === 0 ? this.#readStored(entry, start, length) : this.#inflate(entry, start, length),
    )
    if (length === entry.uncompressedSize && crc32(bytes) !== entry.crc32) {
      throw new ModelError('bad_archive', `checkpoint: ${name} is corrupt: its checksum differs`)
    }
    return bytes
  }

  async #readStored(entry: Entry, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (entry.compressedSize !== entry.uncompressedSize) throw new Error(`sizes of ${entry.fileName} differ`)
    const dataStart = await new Promise<number>((resolve, reject) => {
      this.#zip.readLocalFileHeader(entry, { minimal: true }, (error, header) =>
        error ? reject(error) : resolve(header.fileDataStart),
      )
    })
    return this.#source.read(dataStart + start, length)
  }

  async #inflate(entry: Entry, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (entry.uncompressedSize > INFLATED_BYTES_MAX) throw new Error(`${entry.fileName} is too large to inflate`)
    const stream = await new Promise<Readable>((resolve, reject) => {
      this.#zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)))
    })
    const out = new Uint8Array(length)
    let position = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const from = Math.max(start - position, 0)
      const to = Math.min(start + length - position, chunk.length)
      if (to > from) out.set(chunk.subarray(from, to), position + from - start)
      position += chunk.length
    }
    return out
  }
}

/** Until torch 1.6 a checkpoint was a bare pickle; it begins with a magic number of its own. */
async function refuseOtherFormats(source: ByteSource): Promise<void> {
  const magic = Buffer.from(await source.read(0, Math.min(4, source.length))).toString('latin1')
  if (magic === 'PK\x03\x04') return
  if (magic.startsWith('\x80')) {
    throw new ModelError(
      'unsupported',
      'checkpoint: the format of torch before 1.6; load and save it with a newer NeMo',
    )
  }
  throw new ModelError('bad_archive', 'checkpoint: not a zip as torch.save writes it')
}

class SourceReader extends RandomAccessReader {
  readonly #source: ByteSource

  constructor(source: ByteSource) {
    super()
    this.#source = source
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const source = this.#source
    return Readable.from(
      (async function* () {
        const CHUNK_BYTES = 1 << 20
        for (let at = start; at < end; at += CHUNK_BYTES) yield await source.read(at, Math.min(CHUNK_BYTES, end - at))
      })(),
      { objectMode: false },
    )
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (e: Error | null) => void,
  ): void {
    this.#source.readInto(buffer.subarray(offset, offset + length), position).then(() => done(null), done)
  }

  /** The file belongs to the archive. */
  override close(done: (error: Error | null) => void): void {
    done(null)
  }
}

function openZip(source: ByteSource): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    const options = { lazyEntries: true, autoClose: false, validateEntrySizes: true }
    fromRandomAccessReader(new SourceReader(source), source.length, options, (error, zip) =>
      error ? reject(error) : resolve(zip),
    )
  })
}

function listEntries(zip: ZipFile): Promise<Map<string, Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Entry>()
    zip.on('error', reject)
    zip.on('end', () => resolve(entries))
    zip.on('entry', (entry: Entry) => {
      if (entries.size >= ENTRIES_MAX) return reject(new Error(`more than ${ENTRIES_MAX} members`))
      entries.set(entry.fileName, entry)
      zip.readEntry()
    })
    zip.readEntry()
  })
}

async function inWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof ModelError) throw error
    throw new ModelError('bad_archive', `checkpoint: its zip is corrupt: ${(error as Error).message}`, { cause: error })
  }
}
