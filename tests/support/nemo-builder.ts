/** .nemo archives in every form that the reader must take or refuse, built in memory without the product's own writer. */
import { writeFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { pickledStateDict, uint32, type PickledTensor } from './pickle-assembler.js'

export interface ZipMember {
  name: string
  bytes: Buffer
}

/** A zip; `deflate` as general tools make it, else stored as torch does. */
export function zip(members: ZipMember[], { deflate = false } = {}): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let position = 0
  for (const { name, bytes } of members) {
    const data = deflate ? deflateRawSync(bytes) : bytes
    const label = Buffer.from(name)
    const common = Buffer.concat([
      Buffer.from([20, 0, 0, 0, deflate ? 8 : 0, 0, 0, 0, 0x21, 0]),
      ...[crc32(bytes), data.length, bytes.length].map(uint32),
      Buffer.from([label.length, 0, 0, 0]),
    ])
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, label])
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), Buffer.from([20, 0]), common]),
      Buffer.concat([Buffer.alloc(10), uint32(position), label]),
    )
    parts.push(local, data)
    position += local.length + data.length
  }
  const central = Buffer.concat(directory)
  const counts = Buffer.alloc(8)
  counts.writeUInt16LE(members.length, 4)
  counts.writeUInt16LE(members.length, 6)
  const end = [Buffer.from('PK\x05\x06', 'latin1'), counts, uint32(central.length), uint32(position), Buffer.alloc(2)]
  return Buffer.concat([...parts, central, ...end])
}

export interface CheckpointParts {
  tensors?: PickledTensor[]
  /** Instead of `tensors`. */
  pickle?: Buffer
  storages?: Record<string, Buffer>
  prefix?: string
  byteOrder?: string
  deflate?: boolean
}

export function torchCheckpoint(parts: CheckpointParts): Buffer {
  const { tensors = [], pickle = pickledStateDict(tensors), storages = {}, prefix = 'archive' } = parts
  const members = [{ name: `${prefix}/data.pkl`, bytes: pickle }]
  if (parts.byteOrder) members.push({ name: `${prefix}/byteorder`, bytes: Buffer.from(parts.byteOrder) })
  for (const [key, bytes] of Object.entries(storages)) members.push({ name: `${prefix}/data/${key}`, bytes })
  return zip(members, { deflate: parts.deflate ?? false })
}

/** A SentencePiece file of these pieces, by the bytes: field 1 (piece) and 2 (score) of each. */
export function sentencePieces(pieces: string[]): Buffer {
  const rows = pieces.map((piece) => {
    const text = Buffer.from(piece)
    const body = Buffer.concat([Buffer.from([0x0a, text.length]), text, Buffer.from([0x15, 0, 0, 0, 0])])
    return Buffer.concat([Buffer.from([0x0a, body.length]), body])
  })
  return Buffer.concat(rows)
}

export const PIECES = ['<unk>', '\u2581a', 'b', '\u2581']
const TOKENIZER = '0123456789abcdef0123456789abcdef_tokenizer.model'

export interface ArchiveParts {
  config?: string
  tokenizer?: Buffer
  checkpoint?: Buffer
  /** Put before every name; './' as NeMo does, or ''. */
  namePrefix?: string
  reversed?: boolean
  omit?: string
  gzip?: boolean
}

/** Members by name, in NeMo's order. */
export function archiveMembers(parts: ArchiveParts): [string, Buffer][] {
  const config = parts.config ?? `tokenizer:\n  type: bpe\n  model_path: nemo:${TOKENIZER}\njoint:\n  num_classes: 4\n`
  return [
    ['model_config.yaml', Buffer.from(config)],
    [TOKENIZER, parts.tokenizer ?? sentencePieces(PIECES)],
    ['model_weights.ckpt', parts.checkpoint ?? oneTensor()],
  ]
}

export function oneTensor(): Buffer {
  const bytes = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer)
  const tensors = [{ name: 'w', type: 'FloatStorage', key: '0', length: 6, shape: [2, 3] }]
  return torchCheckpoint({ tensors, storages: { 0: bytes } })
}

export async function nemoBytes(parts: ArchiveParts = {}): Promise<Buffer> {
  const members = archiveMembers(parts).filter(([name]) => !parts.omit || !name.includes(parts.omit))
  if (parts.reversed) members.reverse()
  const tar = pack()
  const prefix = parts.namePrefix ?? './'
  if (prefix) tar.entry({ name: prefix, type: 'directory' })
  for (const [name, bytes] of members) tar.entry({ name: prefix + name }, bytes)
  tar.finalize()
  const bytes = await buffer(tar as unknown as AsyncIterable<Buffer>)
  return parts.gzip ? gzipSync(bytes) : bytes
}

export async function writeArchive(path: string, parts: ArchiveParts = {}): Promise<string> {
  await writeFile(path, await nemoBytes(parts))
  return path
}
