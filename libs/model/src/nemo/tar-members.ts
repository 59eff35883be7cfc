/**
 * The members of a .nemo's tar as ranges of a file.
 *
 *   plain tar   headers are read, data is skipped: nothing is copied
 *   gzip        inflated once to a temporary file, then the same
 *
 * The temporary file has no name while it is used (it is unlinked as soon as it is open), so that nothing can be left
 * behind, not even by a killed process. Where the system refuses that, it is removed by close().
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { ModelError } from '../model-error.js'
import { ByteSource } from './byte-source.js'

const BLOCK_BYTES = 512
const NO_TAR = 'it is neither a tar nor a gzipped tar'
/** A .nemo has about six members; the limit only bounds the work on hostile input. */
const MEMBERS_MAX = 4096
/** Header blocks before one member: the header, and a PAX or GNU long-name record before it. */
const HEADER_BLOCKS_MAX = 64
/** The largest model of the family is 2.5 GB; a gzip bomb is stopped here. */
const INFLATED_BYTES_MAX = 16 * 2 ** 30

export interface TarMembers {
  /** Regular files by name, a leading `./` removed; a repeated name is the later one, as tar has it. */
  readonly members: ReadonlyMap<string, ByteSource>
  close(): Promise<void>
}

/** Lists the members of a tar, plain or gzipped. Throws ModelError for anything else. */
export async function openTar(path: string, workDir = tmpdir()): Promise<TarMembers> {
  const file = await openForReading(path)
  let tar: TemporaryFile | undefined
  try {
    const { size } = await file.stat()
    const magic = new Uint8Array(Math.min(size, 64))
    await new ByteSource(file, 0, size).readInto(magic, 0)
    if (size === 0) throw new ModelError('bad_archive', 'the file is empty')
    if (magic[0] !== 0x1f || magic[1] !== 0x8b) {
      refuseOtherFormats(magic)
      return { members: await listMembers(new ByteSource(file, 0, size)), close: () => file.close() }
    }
    tar = await inflate(path, workDir)
    const members = await listMembers(new ByteSource(tar.file, 0, tar.bytes))
    await file.close()
    const { close } = tar
    return { members, close }
  } catch (error) {
    await tar?.close()
    await file.close()
    throw error
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new ModelError('not_found', 'there is no such file')
    throw new ModelError('disk', `it cannot be opened: ${(error as Error).message}`)
  }
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new ModelError('bad_archive', 'it is not a file')
}

/** Says what a file is that people mistake for the archive: better than "invalid tar header". */
function refuseOtherFormats(magic: Uint8Array): void {
  const text = Buffer.from(magic).toString('latin1')
  if (text.startsWith('version https://git-lfs')) {
    throw new ModelError('bad_archive', 'it is a Git LFS pointer, not the archive itself; fetch it with `git lfs pull`')
  }
  if (text.startsWith('PK')) throw new ModelError('bad_archive', 'it is a zip file; a .nemo archive is a tar')
}

async function listMembers(tar: ByteSource): Promise<Map<string, ByteSource>> {
  const members = new Map<string, ByteSource>()
  let position = 0
  for (let count = 0; position < tar.length; count++) {
    if (count > MEMBERS_MAX) throw new ModelError('bad_archive', `its tar has more than ${MEMBERS_MAX} members`)
    const found = await readHeader(tar, position)
    if (!found) break
    const { header, dataStart } = found
    const size = header.size ?? 0
    if (!Number.isSafeInteger(size) || size < 0 || dataStart + size > tar.length) {
      throw new ModelError(
        'bad_archive',
        `it is truncated: member ${header.name} needs ${size} bytes and ${tar.length - dataStart} are left`,
      )
    }
    const isFile = header.type === 'file' || header.type === 'contiguous-file'
    if (isFile) members.set(header.name.replace(/^(\.\/)+/, ''), tar.slice(dataStart, size))
    position = dataStart + Math.ceil((isFile ? size : 0) / BLOCK_BYTES) * BLOCK_BYTES
  }
  if (members.size === 0) throw new ModelError('bad_archive', NO_TAR)
  return members
}

/**
 * Feeds tar-stream block by block from a header on, until it announces the member: what was fed by then is where the
 * data begins. So the library parses the headers, long names included, and the data is never passed through it.
 */
async function readHeader(tar: ByteSource, start: number): Promise<{ header: Header; dataStart: number } | undefined> {
  const parser = extract()
  const found: { header?: Header; failure?: Error } = {}
  parser.on('entry', (header: Header) => (found.header = header))
  parser.on('error', (error: Error) => (found.failure = error))
  try {
    for (let blocks = 0; blocks < HEADER_BLOCKS_MAX; blocks++) {
      const position = start + blocks * BLOCK_BYTES
      if (position + BLOCK_BYTES > tar.length) throw truncatedHeader(position)
      const block = await tar.read(position, BLOCK_BYTES)
      // Two blocks of zeros end a tar; what follows the first is padding.
      if (blocks === 0 && block.every((byte) => byte === 0)) return undefined
      // The callback waits for the member's data to be read, so it is not waited for; one turn of the event loop is.
      parser.write(Buffer.from(block))
      await new Promise((resolve) => setImmediate(resolve))
      if (found.header) return { header: found.header, dataStart: position + BLOCK_BYTES }
      if (found.failure) break
    }
    if (start === 0) throw new ModelError('bad_archive', NO_TAR)
    throw new ModelError('bad_archive', `its tar is corrupt at byte ${start}: ${found.failure?.message ?? 'no header'}`)
  } finally {
    parser.destroy()
  }
}

function truncatedHeader(position: number): ModelError {
  if (position === 0) return new ModelError('bad_archive', NO_TAR)
  return new ModelError('bad_archive', `it is truncated in a tar header, at byte ${position}`)
}

interface TemporaryFile {
  file: FileHandle
  bytes: number
  close(): Promise<void>
}

async function inflate(path: string, workDir: string): Promise<TemporaryFile> {
  const folder = await mkdtemp(join(workDir, 'yap-nemo-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  let file: FileHandle | undefined
  try {
    const target = join(folder, 'archive.tar')
    let bytes = 0
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        if (bytes <= INFLATED_BYTES_MAX) return done(null, chunk)
        done(new ModelError('bad_archive', `it inflates to more than ${INFLATED_BYTES_MAX} bytes`))
      },
    })
    await pipeline(createReadStream(path), createGunzip(), meter, createWriteStream(target))
    const handle = (file = await open(target, 'r'))
    await remove().catch(() => undefined)
    return { file: handle, bytes, close: () => handle.close().finally(remove) }
  } catch (error) {
    await file?.close()
    await remove()
    throw inWords(error, workDir)
  }
}

function inWords(error: unknown, workDir: string): unknown {
  if (error instanceof ModelError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'Z_BUF_ERROR') return new ModelError('bad_archive', 'it is truncated: the gzip stream ends early')
  if (code?.startsWith('Z_')) return new ModelError('bad_archive', `its gzip stream is corrupt: ${message}`)
  if (code === 'ENOSPC') {
    return new ModelError('disk', `no space is left in ${workDir} to inflate it; free some, or set TMPDIR elsewhere`)
  }
  return error
}
