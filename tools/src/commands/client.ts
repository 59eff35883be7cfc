/** `yap client`: plays a file, or raw samples from standard input, to a running service and prints what it heard. */
import type { ServerMessage } from '@yap/protocol'
import type { Command } from 'commander'
import { UsageError } from '../usage-error.js'
import { framesOfStream } from '../client/frame-pacer.js'
import { seconds, talkJson, talkLines } from '../client/talk-report.js'
import { talk, type TalkOptions } from '../client/talk.js'
import { Interrupt, interruptedExitCode } from './interrupt.js'
import { addTalkFlags, audioOf, count, initOf, urlOf, type TalkFlags } from './talk-options.js'

interface ClientFlags extends TalkFlags {
  printPartials: boolean
  sr: number
}

const frameMs = 20

export function registerClient(program: Command): void {
  addTalkFlags(
    program
      .command('client')
      .description('play an audio file to a running service and print its words')
      .option('--file <path>', 'WAV, or whatever ffmpeg reads; - takes raw 16-bit mono samples from standard input')
      .option('--print-partials', 'print every interim text as it comes', false)
      .option('--sr <hz>', 'sample rate of standard input', count, 16_000),
  )
    .addHelpText('after', clientHelp)
    .action(runClient)
}

const clientHelp = `
Prints: Text; Wall (first frame to final), Audio, RTF (Wall / Audio), xRT (Audio / Wall), TTFW (first frame to first word).

Examples:
  yap client --file samples/mid.wav
  yap client --file samples/mid.wav --rtf 1000 --print-partials
  arecord -q -t raw -f S16_LE -r 16000 -c 1 | yap client --file - --print-partials`

async function runClient(flags: ClientFlags): Promise<void> {
  if (!flags.file) throw new UsageError('client needs --file (a path, or - for raw 16-bit samples on standard input)')
  const fromStdin = flags.file === '-'
  const sr = fromStdin ? flags.sr : 16_000
  const interrupt = new Interrupt()
  try {
    const options: TalkOptions = {
      url: urlOf(flags),
      init: { ...initOf(flags), sr },
      audio: fromStdin ? stdinFrames(sr, interrupt.polite) : await audioOf(flags.file),
      speed: flags.rtf,
      frameMs,
      stop: interrupt.polite,
      signal: interrupt.hard,
      onMessage: messagePrinter(flags),
    }
    const done = await talk(options)
    const lines = flags.json
      ? [JSON.stringify({ file: flags.file, ...talkJson(done) })]
      : talkLines(done, { fullText: flags.fullText })
    process.stdout.write(`${lines.join('\n')}\n`)
    if (interrupt.interrupted) process.exitCode = interruptedExitCode
  } finally {
    interrupt.dispose()
    if (fromStdin) process.stdin.destroy()
  }
}

/** Frames of standard input, until it ends or we are told to stop. */
async function* stdinFrames(sr: number, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  stop.addEventListener('abort', endStdin, { once: true })
  try {
    yield* framesOfStream(process.stdin, Math.round((sr * frameMs) / 1000) * 2)
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    stop.removeEventListener('abort', endStdin)
  }
}

function endStdin(): void {
  process.stdin.destroy()
}

/** Interims as lines; with --json they go to standard error, which leaves one object on standard output. */
export function messagePrinter(flags: {
  printPartials?: boolean
  json: boolean
  debug: boolean
}): (message: ServerMessage, atMs: number) => void {
  const beganMs = performance.now()
  const partials = flags.json ? process.stderr : process.stdout
  return (message, atMs) => {
    const at = seconds(atMs - beganMs).padStart(9)
    if (flags.debug) process.stderr.write(`${at} ${JSON.stringify(message)}\n`)
    if (flags.printPartials && message.op === 'interim') partials.write(`${at}  ${message.text}\n`)
  }
}
