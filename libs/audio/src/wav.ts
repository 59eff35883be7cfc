/** WAV files as mono samples: blocks of any sample format mixed down, whole files at once, and 16-bit files written. */
import { aLawToPcm, muLawToPcm } from './companding.js'
import { AudioError } from './errors.js'
import type { Samples } from './pcm.js'
import { bufferSource, readWavFormat, type WavFormat, type WavSampleFormat } from './wav-format.js'

export interface WavAudio {
  sampleRateHz: number
  /** Channels of the file; the samples are their mean. */
  channels: number
  sampleFormat: WavSampleFormat
  durationMs: number
  /** Mono: 16-bit where the file is mono and has no more than 16 bits, floats (+-1) otherwise. */
  samples: Samples
}

/** Reads a whole WAV file. Throws AudioError, its message starting with `name`. */
export function readWav(bytes: Uint8Array, name = 'the file'): WavAudio {
  const format = readWavFormat(bufferSource(bytes), name)
  const samples = decodeBlocks(bytes.subarray(format.dataOffset, format.dataOffset + format.dataBytes), format)
  return {
    sampleRateHz: format.sampleRateHz,
    channels: format.channels,
    sampleFormat: format.sampleFormat,
    durationMs: (samples.length * 1000) / format.sampleRateHz,
    samples,
  }
}

/** Whole blocks of a WAV file's data as mono samples. */
export function decodeBlocks(
  bytes: Uint8Array,
  format: Pick<WavFormat, 'sampleFormat' | 'channels' | 'blockBytes'>,
): Samples {
  const { sampleFormat, channels, blockBytes } = format
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { read, scale, bytes: width } = readers[sampleFormat]
  const samples = bytes.length / blockBytes
  if (channels === 1 && scale === 32768) {
    const pcm = new Int16Array(samples)
    for (let i = 0; i < samples; i++) pcm[i] = read(view, i * width)
    return pcm
  }
  const floats = new Float32Array(samples)
  for (let i = 0; i < samples; i++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += read(view, i * blockBytes + channel * width)
    floats[i] = sum / (scale * channels)
  }
  return floats
}

interface SampleReader {
  bytes: number
  /** What `read` gives at full scale; 32768 says that every value is a 16-bit sample. */
  scale: number
  read(view: DataView, at: number): number
}

const readers: Readonly<Record<WavSampleFormat, SampleReader>> = {
  u8: { bytes: 1, scale: 32768, read: (view, at) => (view.getUint8(at) - 128) << 8 },
  s16: { bytes: 2, scale: 32768, read: (view, at) => view.getInt16(at, true) },
  s24: { bytes: 3, scale: 2 ** 23, read: (view, at) => (view.getInt8(at + 2) << 16) | view.getUint16(at, true) },
  s32: { bytes: 4, scale: 2 ** 31, read: (view, at) => view.getInt32(at, true) },
  f32: { bytes: 4, scale: 1, read: (view, at) => view.getFloat32(at, true) },
  f64: { bytes: 8, scale: 1, read: (view, at) => view.getFloat64(at, true) },
  mulaw: { bytes: 1, scale: 32768, read: (view, at) => muLawToPcm[view.getUint8(at)]! },
  alaw: { bytes: 1, scale: 32768, read: (view, at) => aLawToPcm[view.getUint8(at)]! },
}

const headerBytes = 44

/** A WAV file of 16-bit mono samples. */
export function encodeWav(pcm: Int16Array, sampleRateHz = 16_000): Uint8Array {
  const dataBytes = pcm.length * 2
  if (dataBytes > 0xffff_ffff - headerBytes)
    throw new AudioError('too_long', `${pcm.length} samples do not fit a WAV file of 4 GiB`)
  const bytes = new Uint8Array(headerBytes + dataBytes)
  const view = new DataView(bytes.buffer)
  const text = (at: number, chars: string): void => {
    for (let i = 0; i < chars.length; i++) bytes[at + i] = chars.charCodeAt(i)
  }
  text(0, 'RIFF')
  view.setUint32(4, headerBytes - 8 + dataBytes, true)
  text(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRateHz, true)
  view.setUint32(28, sampleRateHz * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  text(36, 'data')
  view.setUint32(40, dataBytes, true)
  for (let i = 0; i < pcm.length; i++) view.setInt16(headerBytes + 2 * i, pcm[i]!, true)
  return bytes
}
