/** WAV files written field by field, right ones and wrong ones, for tests of those who read them. */

export interface WavParts {
  magic?: string
  riffSize?: number
  tag?: number
  channels?: number
  hz?: number
  bits?: number
  /** Bytes of one sample; default: as many as the bits need. */
  sampleBytes?: number
  extensible?: boolean
  /** Chunks in front of "data" and behind it. */
  before?: [id: string, body: number[]][]
  after?: [id: string, body: number[]][]
  data: readonly number[]
  /** What the header says; default: the truth. */
  dataSize?: number
}

export function wavBytes(parts: WavParts): Uint8Array {
  const { tag = 1, channels = 1, hz = 16_000, bits = 16 } = parts
  const sampleBytes = parts.sampleBytes ?? Math.ceil(bits / 8)
  const block = sampleBytes * channels
  const fmt = [...u16(parts.extensible ? 0xfffe : tag), ...u16(channels), ...u32(hz), ...u32(hz * block)]
  fmt.push(...u16(block), ...u16(bits))
  // The sub-format's GUID: the tag, then the same 14 bytes for all of them.
  const guid = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]
  if (parts.extensible) fmt.push(...u16(22), ...u16(bits), ...u32(0), ...u16(tag), ...guid)
  const chunks = [
    ...(parts.before ?? []).flatMap(([id, body]) => chunk(id, body)),
    ...chunk('fmt ', fmt),
    ...chunk('data', parts.data, parts.dataSize),
    ...(parts.after ?? []).flatMap(([id, body]) => chunk(id, body)),
  ]
  const riffSize = parts.riffSize ?? 4 + chunks.length
  return Uint8Array.from([...ascii(parts.magic ?? 'RIFF'), ...u32(riffSize), ...ascii('WAVE'), ...chunks])
}

function chunk(id: string, body: readonly number[], size = body.length): number[] {
  return [...ascii(id), ...u32(size), ...body, ...(body.length % 2 === 1 ? [0] : [])]
}

function ascii(text: string): number[] {
  return Array.from(text, (char) => char.charCodeAt(0))
}

function u16(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff]
}

function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)]
}
