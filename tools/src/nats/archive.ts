/** Takes one file out of a .tar.gz or a .zip (a Python wheel is a zip) in memory: all that fetching one program needs. */
import { gunzipSync, inflateRawSync } from 'node:zlib'

const TAR_BLOCK_BYTES = 512
const ZIP_END_SIGNATURE = 0x06054b50
const ZIP_ENTRY_SIGNATURE = 0x02014b50
const ZIP_END_BYTES = 22
const ZIP_COMMENT_BYTES_MAX = 65_535

/** Contents of the first regular file whose base name is `fileName`. Throws where the archive holds none. */
export function extractFile(archive: Uint8Array, kind: 'tar.gz' | 'zip', fileName: string): Buffer {
  const found = kind === 'zip' ? fromZip(Buffer.from(archive), fileName) : fromTar(gunzipSync(archive), fileName)
  if (!found) throw new Error(`the archive holds no ${fileName}`)
  return found
}

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1)

function fromTar(tar: Buffer, fileName: string): Buffer | undefined {
  for (let at = 0; at + TAR_BLOCK_BYTES <= tar.length;) {
    const name = tar.toString('utf8', at, at + 100).replace(/\0.*$/s, '')
    if (!name) return undefined
    const sizeBytes = parseInt(tar.toString('latin1', at + 124, at + 136).replace(/[\0 ]+$/, ''), 8)
    const type = String.fromCharCode(tar[at + 156] ?? 0)
    const start = at + TAR_BLOCK_BYTES
    if ((type === '0' || type === '\0') && baseName(name) === fileName) return tar.subarray(start, start + sizeBytes)
    at = start + Math.ceil(sizeBytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES
  }
  return undefined
}

function fromZip(zip: Buffer, fileName: string): Buffer | undefined {
  const end = endOfCentralDirectory(zip)
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== ZIP_ENTRY_SIGNATURE)
      throw new Error('the zip is damaged: no directory entry where one was said to be')
    const method = zip.readUInt16LE(at + 10)
    const packedBytes = zip.readUInt32LE(at + 20)
    const nameBytes = zip.readUInt16LE(at + 28)
    const afterNameBytes = zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
    const header = zip.readUInt32LE(at + 42)
    const name = zip.toString('utf8', at + 46, at + 46 + nameBytes)
    if (baseName(name) === fileName) {
      const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28)
      const packed = zip.subarray(start, start + packedBytes)
      if (method === 0) return packed
      if (method === 8) return inflateRawSync(packed)
      throw new Error(`the zip packs ${name} by method ${method}; 0 (stored) and 8 (deflate) can be read`)
    }
    at += 46 + nameBytes + afterNameBytes
  }
  return undefined
}

function endOfCentralDirectory(zip: Buffer): number {
  const first = Math.max(0, zip.length - ZIP_END_BYTES - ZIP_COMMENT_BYTES_MAX)
  for (let at = zip.length - ZIP_END_BYTES; at >= first; at--) if (zip.readUInt32LE(at) === ZIP_END_SIGNATURE) return at
  throw new Error('the zip is damaged: its end is missing')
}
