/** `yap transcribe`: audio files to words, through the same streaming steps as the service. */
import type { Command } from 'commander'
import { streamAudioFile } from '@yap/audio'
import {
  DEMO_MODEL,
  resolveLookAhead,
  resolveModel,
  SAMPLE_RATE_HZ,
  StreamingRecogniser,
  type Decoder,
  type ModelManifest,
  type RecogniserStream,
  type Word,
} from '@yap/model'
import { UsageError, type Register } from '../cli.js'
import { startProgress } from '../progress.js'
import { tidyOnSignal } from './tidy-on-signal.js'

interface TranscribeFlags {
  model: string
  attCtx?: string
  decoder: string
  words?: boolean
  printPartials?: boolean
  json?: boolean
  threads: string
}

interface FileTranscript {
  file: string
  text: string
  tokens: readonly number[]
  words: { word: string; start_ms: number; end_ms: number; confidence: number }[]
  audio_s: number
  wall_s: number
  rtf: number
}

const SERVICE_ATT_CTX = '70,1'
const THREADS_MAX = 256

export const registerTranscribe: Register = (program) => {
  transcribeCommand(program).action(async (files: string[], flags: TranscribeFlags) => {
    const decoder = decoderOf(flags.decoder)
    const threads = threadsOf(flags.threads)
    tidyOnSignal()
    const progress = startProgress('compiling the model')
    const onProgress = (done: number, total: number) => progress.update(done, total)
    const modelDir = await resolveModel(flags.model, { onProgress }).finally(() => progress.stop())
    const recogniser = await StreamingRecogniser.open(modelDir, { threads })
    let failed = 0
    try {
      warnOfAlias(recogniser.manifest, flags.attCtx)
      for (const file of files) {
        try {
          print(await transcribeFile(recogniser, file, decoder, flags), flags, files.length > 1)
        } catch (error) {
          // The other files still get their turn; the exit code tells.
          if (files.length === 1) throw error
          failed += 1
          process.stderr.write(`yap: ${(error as Error).message}\n`)
        }
      }
    } finally {
      await recogniser.close()
    }
    if (failed > 0) throw new Error(`${failed} of ${files.length} files could not be transcribed`)
  })
}

function transcribeCommand(program: Command): Command {
  return program
    .command('transcribe')
    .description('transcribe audio files, streaming, with the tokens that the model’s own loop gives')
    .argument('<file...>', 'WAV of any rate, channels and sample format; anything ffmpeg reads, where ffmpeg is there')
    .option('--model <model>', 'a model directory, a .nemo file or a name', DEMO_MODEL)
    .option(
      '--att-ctx <left,right>',
      'look-ahead (default: 70,1 where the model has it, as the service; else the model’s own)',
    )
    .option('--decoder <name>', 'rnnt or ctc', 'rnnt')
    .option('--words', 'print each word with its time and confidence')
    .option('--print-partials', 'print the text as it grows')
    .option('--threads <n>', 'threads inside the model', '1')
    .option('--json', 'print one JSON object a file')
}

/** Refuses an unknown look-ahead before any file is read. */
function warnOfAlias(manifest: ModelManifest, attCtx: string | undefined): void {
  const warning = attCtx === undefined ? undefined : resolveLookAhead(manifest, attCtx).warning
  if (warning) process.stderr.write(`yap: ${warning}\n`)
}

/** The service's default, so that both give the same text for the same file. */
function defaultAttCtx({ lookAheads, defaultLookAhead }: ModelManifest): string {
  return lookAheads.some((l) => l.name === SERVICE_ATT_CTX) ? SERVICE_ATT_CTX : defaultLookAhead
}

function decoderOf(name: string): Decoder {
  if (name !== 'rnnt' && name !== 'ctc') throw new UsageError(`--decoder ${name} is not known; it is rnnt or ctc`)
  return name
}

function threadsOf(text: string): number {
  const threads = Number(text)
  if (Number.isInteger(threads) && threads >= 1 && threads <= THREADS_MAX) return threads
  throw new UsageError(`--threads ${text} is not a whole number from 1 to ${THREADS_MAX}`)
}

async function transcribeFile(
  recogniser: StreamingRecogniser,
  file: string,
  decoder: Decoder,
  flags: TranscribeFlags,
): Promise<FileTranscript> {
  const started = performance.now()
  let samples = 0
  let shown = ''
  const onStep = (s: RecogniserStream) => {
    if (!flags.printPartials || s.text === shown) return
    shown = s.text
    process.stderr.write(`${(samples / SAMPLE_RATE_HZ).toFixed(1).padStart(7)} s  ${shown}\n`)
  }
  const stream = recogniser.stream({ decoder, onStep, attCtx: flags.attCtx ?? defaultAttCtx(recogniser.manifest) })
  // The text as it grows is progress enough.
  const progress = flags.printPartials ? undefined : startProgress(file)
  const onProgress = (done: number, total: number) => progress?.update(done, total)
  try {
    for await (const pcm of streamAudioFile(file, { onProgress })) {
      // A step's worth at a time, so that partial texts come when their audio does.
      for (let at = 0; at < pcm.length; at += stream.lookAhead.chunkSamples) {
        const part = pcm.subarray(at, at + stream.lookAhead.chunkSamples)
        samples += part.length
        stream.push(part)
        await recogniser.stepAll()
      }
    }
    stream.finish()
    await recogniser.stepAll()
    const audioS = samples / SAMPLE_RATE_HZ
    const wallS = (performance.now() - started) / 1000
    const words = stream.words().map(jsonWord)
    return {
      file,
      text: stream.text,
      tokens: stream.tokens,
      words,
      audio_s: audioS,
      wall_s: wallS,
      rtf: wallS / audioS,
    }
  } finally {
    progress?.stop()
    stream.close()
  }
}

function jsonWord({ word, startMs, endMs, confidence }: Word) {
  return { word, start_ms: startMs, end_ms: endMs, confidence: Math.round(confidence * 1e4) / 1e4 }
}

function print(result: FileTranscript, flags: TranscribeFlags, named: boolean): void {
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`)
    return
  }
  process.stdout.write(`${named ? `${result.file}: ` : ''}${result.text}\n`)
  if (!flags.words) return
  for (const { word, start_ms, end_ms, confidence } of result.words) {
    const span = `${(start_ms / 1000).toFixed(2)} – ${(end_ms / 1000).toFixed(2)} s`
    process.stdout.write(`  ${span}  ${confidence.toFixed(2)}  ${word}\n`)
  }
}
