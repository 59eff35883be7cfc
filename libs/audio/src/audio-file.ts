/**
 * Any audio file as 16 kHz mono 16-bit samples: WAV by ourselves, everything else by ffmpeg where it is installed.
 *
 * `streamAudioFile` holds a second or two of audio at a time, so hours are no trouble; `readAudioFile` holds it all, up to
 * `audioMsMax`.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { extname } from 'node:path'
import { AudioError } from './errors.js'
import { decodeWithFfmpeg, findFfmpeg } from './ffmpeg.js'
import { Resampler } from './resampler.js'
import { bufferSource, readWavFormat, type ByteSource, type WavFormat } from './wav-format.js'
import { decodeBlocks } from './wav.js'

const sampleRateHz = 16_000
/** Samples of each channel that are read at a time. */
const partSamples = 32_768
/** Six hours of 16 kHz audio are 690 MB: what one reader may hold. */
const audioMsMax = 6 * 3600 * 1000

export interface AudioFile {
  /** 16 kHz mono. */
  pcm: Int16Array
  durationMs: number
}

export interface AudioFileOptions {
  /** Path of ffmpeg, or false to do without. Default: as found on the PATH. */
  ffmpeg?: string | false
  /** Bytes of audio that were read, of how many. Not called where ffmpeg reads: it does not say how much there is. */
  onProgress?: (done: number, total: number) => void
}

/** The whole file. Throws AudioError with one line that names the file. */
export async function readAudioFile(path: string, options: AudioFileOptions = {}): Promise<AudioFile> {
  const samplesMax = (audioMsMax / 1000) * sampleRateHz
  const parts: Int16Array[] = []
  let length = 0
  for await (const part of streamAudioFile(path, options)) {
    parts.push(part)
    length += part.length
    if (length > samplesMax) throw new AudioError('too_long', `${path} is longer than ${audioMsMax / 3_600_000} hours`)
  }
  const pcm = new Int16Array(length)
  let at = 0
  for (const part of parts) {
    pcm.set(part, at)
    at += part.length
  }
  return { pcm, durationMs: (length * 1000) / sampleRateHz }
}

/** The file in parts of a second or two, 16 kHz mono. Throws AudioError; a file without a sample is an error too. */
export async function* streamAudioFile(path: string, options: AudioFileOptions = {}): AsyncGenerator<Int16Array> {
  const file = openSource(path)
  try {
    const format = wavFormat(file.source, path, options)
    if (format) yield* wavParts(file.source, format, path, options.onProgress)
    else yield* otherParts(path, options)
  } finally {
    file.close()
  }
}

/** The file's WAV format; undefined where ffmpeg shall read it. */
function wavFormat(source: ByteSource, path: string, options: AudioFileOptions): WavFormat | undefined {
  try {
    return readWavFormat(source, path)
  } catch (error) {
    if (!(error instanceof AudioError)) throw error
    const named = extname(path).toLowerCase()
    // A file that calls itself WAV and is none gets the plain answer; ffmpeg's guesses about it would puzzle.
    const isOther = error.code === 'not_audio' && named !== '.wav' && source.bytes > 0
    if (!isOther && error.code !== 'unsupported') throw error
    if (ffmpegOf(options)) return undefined
    throw new AudioError(
      'no_ffmpeg',
      `${error.message}; ffmpeg, which reads other formats, is not on the PATH: install it, or convert the file to WAV`,
    )
  }
}

function ffmpegOf(options: AudioFileOptions): string | undefined {
  return options.ffmpeg === false ? undefined : (options.ffmpeg ?? findFfmpeg())
}

function* wavParts(
  source: ByteSource,
  format: WavFormat,
  path: string,
  onProgress: AudioFileOptions['onProgress'],
): Generator<Int16Array> {
  const resampler = resamplerFor(format, path)
  const partBytes = partSamples * format.blockBytes
  const end = format.dataOffset + format.dataBytes
  for (let at = format.dataOffset; at < end; at += partBytes) {
    const length = Math.min(partBytes, end - at)
    const bytes = source.read(at, length)
    if (bytes.length < length) throw new AudioError('truncated', `${path} became shorter while it was read`)
    yield resampler.push(decodeBlocks(bytes, format))
    onProgress?.(at + length - format.dataOffset, format.dataBytes)
  }
  yield resampler.flush()
}

function resamplerFor(format: WavFormat, path: string): Resampler {
  try {
    return new Resampler(format.sampleRateHz, sampleRateHz)
  } catch (error) {
    if (error instanceof AudioError) throw new AudioError(error.code, `${path}: ${error.message}`, { cause: error })
    throw error
  }
}

async function* otherParts(path: string, options: AudioFileOptions): AsyncGenerator<Int16Array> {
  let samples = 0
  for await (const part of decodeWithFfmpeg(ffmpegOf(options)!, path)) {
    samples += part.length
    yield part
  }
  if (samples === 0) throw new AudioError('empty', `${path} has no audio in it (0 samples)`)
}

interface OpenSource {
  source: ByteSource
  close(): void
}

/** Regular files are read in pieces; what has no size (a pipe) is read whole. */
function openSource(path: string): OpenSource {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw unreadable(path, cause)
  }
  try {
    const stat = fstatSync(file)
    if (stat.isDirectory()) throw new AudioError('unreadable', `${path} is a directory, not an audio file`)
    const source = stat.isFile() ? fileSource(file, stat.size) : bufferSource(readFileSync(file))
    return { source, close: () => closeSync(file) }
  } catch (error) {
    closeSync(file)
    throw error instanceof AudioError ? error : unreadable(path, error)
  }
}

function fileSource(file: number, bytes: number): ByteSource {
  return {
    bytes,
    read(offset, length) {
      const buffer = new Uint8Array(Math.max(0, Math.min(length, bytes - offset)))
      let filled = 0
      while (filled < buffer.length) {
        const got = readSync(file, buffer, filled, buffer.length - filled, offset + filled)
        if (got === 0) break
        filled += got
      }
      return buffer.subarray(0, filled)
    },
  }
}

function unreadable(path: string, cause: unknown): AudioError {
  const code = (cause as NodeJS.ErrnoException).code
  const why =
    code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission to read it' : String(code ?? cause)
  return new AudioError('unreadable', `cannot read ${path}: ${why}`, { cause })
}
