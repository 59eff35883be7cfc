/**
 * torch's checkpoint container, written: a zip of stored members, each beginning at a multiple of 64 bytes.
 *
 *   | local header 30 | name | extra: 'FB', length, padding | data | ... | central directory | end record |
 *                                                            ^ multiple of 64
 *
 * All lengths follow from names and shapes, so the size is known before the first tensor is made, and only one tensor
 * is in memory at a time.
 */
import { crc32 } from 'node:zlib'
import { ModelError } from '../model-error.js'
import { pickleStateDict } from './pickle-writer.js'

export interface NamedTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Row-major; a function is called once, when its turn comes. */
  readonly data: Float32Array | (() => Float32Array)
}

const PREFIX = 'model_weights'
const ALIGN_BYTES = 64
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const END_BYTES = 22
/** The extra field by which torch pads: id 'FB', length, zeros. */
const PAD_ID = 0x4246
const PAD_HEADER_BYTES = 4
/** Without the zip64 extension, which torch's family of this size does not need. */
const ARCHIVE_BYTES_MAX = 2 ** 32 - 1
/** Bit 11: names are UTF-8. */
const FLAGS = 0x0800
/** 1 January 1980: the same content gives the same bytes. */
const DATE = 0x21

interface Member {
  readonly name: Buffer
  readonly bytes: number
  readonly start: number
  readonly padding: number
  readonly content: () => Uint8Array
}

export interface CheckpointStream {
  readonly bytes: number
  chunks(): Iterable<Uint8Array>
}

/** The bytes of a checkpoint that torch.load(weights_only=True) takes, as a stream. */
export function checkpointStream(tensors: readonly NamedTensor[]): CheckpointStream {
  const members = layOut(tensors)
  const last = members.at(-1)!
  const directoryStart = last.start + last.bytes
  const directoryBytes = members.reduce((sum, { name }) => sum + CENTRAL_BYTES + name.length, 0)
  const bytes = directoryStart + directoryBytes + END_BYTES
  if (bytes > ARCHIVE_BYTES_MAX) {
    throw new ModelError('unsupported', `a checkpoint of ${bytes} bytes; at most ${ARCHIVE_BYTES_MAX} are written`)
  }
  function* chunks(): Iterable<Uint8Array> {
    const directory: Buffer[] = []
    for (const member of members) {
      const content = member.content()
      const crc = crc32(content)
      yield localHeader(member, crc)
      yield content
      directory.push(centralHeader(member, crc))
    }
    yield Buffer.concat(directory)
    yield endRecord(members.length, directoryBytes, directoryStart)
  }
  return { bytes, chunks }
}

function layOut(tensors: readonly NamedTensor[]): Member[] {
  const members: Member[] = []
  let position = 0
  const add = (name: string, bytes: number, content: () => Uint8Array) => {
    const encoded = Buffer.from(`${PREFIX}/${name}`)
    const unpadded = position + LOCAL_BYTES + encoded.length + PAD_HEADER_BYTES
    const start = Math.ceil(unpadded / ALIGN_BYTES) * ALIGN_BYTES
    members.push({ name: encoded, bytes, start, padding: start - unpadded, content })
    position = start + bytes
  }
  const addText = (name: string, text: string) => add(name, text.length, () => Buffer.from(text))
  const pickle = pickleStateDict(tensors)
  add('data.pkl', pickle.length, () => pickle)
  addText('byteorder', 'little')
  for (const [i, tensor] of tensors.entries()) {
    add(`data/${i}`, elementsOf(tensor.shape) * 4, () => bytesOf(tensor))
  }
  addText('version', '3\n')
  return members
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function bytesOf({ name, shape, data }: NamedTensor): Uint8Array {
  const numbers = typeof data === 'function' ? data() : data
  if (numbers.length !== elementsOf(shape)) {
    throw new ModelError('bad_model', `tensor ${name} of shape ${shape.join('x')} was given ${numbers.length} numbers`)
  }
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/** The fields that both kinds of header share: from the version that is needed to the length of the extra field. */
function writeCommon(header: Buffer, at: number, member: Member, crc: number, extraBytes: number): void {
  header.writeUInt16LE(20, at)
  header.writeUInt16LE(FLAGS, at + 2)
  header.writeUInt16LE(0, at + 4)
  header.writeUInt16LE(0, at + 6)
  header.writeUInt16LE(DATE, at + 8)
  header.writeUInt32LE(crc, at + 10)
  header.writeUInt32LE(member.bytes, at + 14)
  header.writeUInt32LE(member.bytes, at + 18)
  header.writeUInt16LE(member.name.length, at + 22)
  header.writeUInt16LE(extraBytes, at + 24)
}

function localHeader(member: Member, crc: number): Buffer {
  const header = Buffer.alloc(LOCAL_BYTES)
  header.write('PK\x03\x04', 'latin1')
  writeCommon(header, 4, member, crc, PAD_HEADER_BYTES + member.padding)
  const extra = Buffer.alloc(PAD_HEADER_BYTES + member.padding)
  extra.writeUInt16LE(PAD_ID, 0)
  extra.writeUInt16LE(member.padding, 2)
  return Buffer.concat([header, member.name, extra])
}

function centralHeader(member: Member, crc: number): Buffer {
  const header = Buffer.alloc(CENTRAL_BYTES)
  header.write('PK\x01\x02', 'latin1')
  header.writeUInt16LE(20, 4)
  writeCommon(header, 6, member, crc, 0)
  const headerStart = member.start - member.padding - PAD_HEADER_BYTES - member.name.length - LOCAL_BYTES
  header.writeUInt32LE(headerStart, 42)
  return Buffer.concat([header, member.name])
}

function endRecord(count: number, directoryBytes: number, directoryStart: number): Buffer {
  const end = Buffer.alloc(END_BYTES)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(count, 8)
  end.writeUInt16LE(count, 10)
  end.writeUInt32LE(directoryBytes, 12)
  end.writeUInt32LE(directoryStart, 16)
  return end
}
