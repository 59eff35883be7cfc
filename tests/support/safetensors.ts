/** Reads a safetensors file: u64 length, JSON header, raw little-endian values. Source: the format's own description. */
import { readFileSync } from 'node:fs'

export interface StoredTensor {
  shape: number[]
  values: Float32Array | BigInt64Array | Int32Array
}

export function readSafetensors(path: string): Map<string, StoredTensor> {
  const bytes = readFileSync(path)
  const headerBytes = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const out = new Map<string, StoredTensor>()
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const raw = bytes.subarray(8 + headerBytes + data_offsets[0], 8 + headerBytes + data_offsets[1])
    const copy = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength)
    const kinds = { F32: Float32Array, I64: BigInt64Array, I32: Int32Array } as const
    const Kind = kinds[dtype as keyof typeof kinds]
    if (!Kind) throw new Error(`safetensors type ${dtype} of ${name} is not read here`)
    out.set(name, { shape, values: new Kind(copy) })
  }
  return out
}
