/**
 * What a WAV file says about itself: RIFF or RF64 chunks, walked by their sizes up to `data`.
 *
 *   "RIFF" size "WAVE" | "fmt " size … | any other chunks, padded to even length | "data" size samples…
 *
 * Recorders that write to a pipe cannot know sizes beforehand and leave 0xFFFFFFFF (or about 2^31, or 0); such a file's
 * audio goes on to its end. Any other file that is shorter than it says was cut off, and is refused: half a recording
 * that looks like a whole one is worse than an error.
 */
import { AudioError } from './errors.js'

/** A file or a buffer, read in pieces. */
export interface ByteSource {
  readonly bytes: number
  /** Up to `length` bytes from `offset`; fewer only at the end. */
  read(offset: number, length: number): Uint8Array
}

export function bufferSource(bytes: Uint8Array): ByteSource {
  return { bytes: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) }
}

export type WavSampleFormat = 'u8' | 's16' | 's24' | 's32' | 'f32' | 'f64' | 'mulaw' | 'alaw'

export interface WavFormat {
  sampleRateHz: number
  channels: number
  sampleFormat: WavSampleFormat
  /** Bytes of one sample of all channels. */
  blockBytes: number
  /** Where the samples lie, whole blocks only. */
  dataOffset: number
  dataBytes: number
  /** Samples of each channel. */
  samples: number
}

const tagNames: Readonly<Record<number, string>> = {
  0x0002: 'Microsoft ADPCM',
  0x0011: 'IMA ADPCM',
  0x0031: 'GSM 6.10',
  0x0050: 'MPEG layer 2',
  0x0055: 'MP3',
  0x0161: 'Windows Media Audio',
}

const channelsMax = 64
/** Sizes from here up are what writers leave that did not know the size. */
const unknownSizeMin = 0x7fff_0000

/** Reads the header, or throws an AudioError whose message starts with `name`. */
export function readWavFormat(source: ByteSource, name: string): WavFormat {
  const riff = source.read(0, 12)
  const magic = ascii(riff, 0)
  if (riff.length < 12 || !(magic === 'RIFF' || magic === 'RF64') || ascii(riff, 8) !== 'WAVE')
    throw new AudioError('not_audio', `${name} is not a WAV file: ${firstBytes(riff)}`)

  let format: Omit<WavFormat, 'dataOffset' | 'dataBytes' | 'samples'> | undefined
  let longDataBytes: number | undefined
  for (let at = 12; at + 8 <= source.bytes;) {
    const header = viewOf(source.read(at, 8))
    const id = asciiOf(header, 0)
    const size = header.getUint32(4, true)
    const body = at + 8
    if (id === 'ds64') longDataBytes = ds64DataBytes(source, body, name)
    if (id === 'fmt ') format = readFmt(viewOf(source.read(body, Math.min(size, 40))), name)
    if (id === 'data') {
      if (!format) throw new AudioError('not_audio', `${name}: the WAV header has no "fmt " chunk before its data`)
      const promised = magic === 'RF64' && size === 0xffff_ffff ? (longDataBytes ?? size) : size
      const unknown = isUnknownSize(promised, viewOf(riff).getUint32(4, true))
      return withData(format, body, promised, source.bytes - body, unknown, name)
    }
    at = body + size + (size % 2)
  }
  throw new AudioError('truncated', `${name}: the WAV file ends before its audio begins (no "data" chunk)`)
}

function isUnknownSize(dataBytes: number, riffBytes: number): boolean {
  if (dataBytes === 0) return riffBytes === 0 || riffBytes >= unknownSizeMin
  return dataBytes >= unknownSizeMin && dataBytes <= 0xffff_ffff
}

function withData(
  format: Omit<WavFormat, 'dataOffset' | 'dataBytes' | 'samples'>,
  dataOffset: number,
  promised: number,
  present: number,
  unknown: boolean,
  name: string,
): WavFormat {
  if (promised > present && !unknown)
    throw new AudioError('truncated', `${name} is cut off: ${promised} bytes of audio promised, ${present} there`)
  const bytes = unknown ? (promised === 0 ? present : Math.min(promised, present)) : promised
  const samples = Math.floor(bytes / format.blockBytes)
  if (samples === 0) throw new AudioError('empty', `${name} has no audio in it (0 samples)`)
  return { ...format, dataOffset, dataBytes: samples * format.blockBytes, samples }
}

function ds64DataBytes(source: ByteSource, body: number, name: string): number {
  const chunk = source.read(body, 24)
  if (chunk.length < 24) throw new AudioError('truncated', `${name}: the WAV file ends inside its "ds64" chunk`)
  return Number(viewOf(chunk).getBigUint64(8, true))
}

function readFmt(fmt: DataView, name: string): Omit<WavFormat, 'dataOffset' | 'dataBytes' | 'samples'> {
  if (fmt.byteLength < 16)
    throw new AudioError('truncated', `${name}: its "fmt " chunk has ${fmt.byteLength} of 16 bytes`)
  let tag = fmt.getUint16(0, true)
  const channels = fmt.getUint16(2, true)
  const sampleRateHz = fmt.getUint32(4, true)
  const blockBytes = fmt.getUint16(12, true)
  const bits = fmt.getUint16(14, true)
  // WAVE_FORMAT_EXTENSIBLE: the real tag is the first two bytes of the sub-format's GUID.
  if (tag === 0xfffe && fmt.byteLength >= 26) tag = fmt.getUint16(24, true)
  if (channels < 1 || channels > channelsMax)
    throw new AudioError('unsupported', `${name} has ${channels} channels; 1 to ${channelsMax} are read`)
  const sampleBytes = blockBytes / channels
  const sampleFormat = formatOf(tag, sampleBytes)
  if (!sampleFormat) {
    const what = `format 0x${tag.toString(16).padStart(4, '0')}${tagNames[tag] ? ` (${tagNames[tag]})` : ''}`
    throw new AudioError(
      'unsupported',
      `${name}: WAV ${what} with ${bits} bits a sample is not read; PCM of 8 to 32 bits, floats, mu-law and A-law are`,
    )
  }
  return { sampleRateHz, channels, sampleFormat, blockBytes }
}

/** By the bytes that a sample takes, not by its bits: 20 bits lie in 3 bytes, at their upper end. */
function formatOf(tag: number, sampleBytes: number): WavSampleFormat | undefined {
  switch (tag) {
    case 1:
      return ([undefined, 'u8', 's16', 's24', 's32'] as const)[sampleBytes]
    case 3:
      return sampleBytes === 4 ? 'f32' : sampleBytes === 8 ? 'f64' : undefined
    case 6:
      return sampleBytes === 1 ? 'alaw' : undefined
    case 7:
      return sampleBytes === 1 ? 'mulaw' : undefined
    default:
      return undefined
  }
}

function firstBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'it is empty'
  const printable = Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join(
    '',
  )
  return `it starts with "${printable}"`
}

function ascii(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4))
}

function asciiOf(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
