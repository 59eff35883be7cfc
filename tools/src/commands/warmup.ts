/** `yap warmup`: plays one file as a first user would, before the real ones come, and prints how quickly it was answered. */
import type { Command } from 'commander'
import { talkJson, talkLines } from '../client/talk-report.js'
import { talk } from '../client/talk.js'
import { messagePrinter } from './client.js'
import { Interrupt, interruptedExitCode } from './interrupt.js'
import { addTalkFlags, audioOf, count, initOf, sampleFile, urlOf, type TalkFlags } from './talk-options.js'

interface WarmupFlags extends TalkFlags {
  printPartials: boolean
  n: number
}

export function registerWarmup(program: Command): void {
  addTalkFlags(
    program
      .command('warmup')
      .description('play one file to a running service, and print how quickly it answers')
      .option('--file <path>', 'WAV, or whatever ffmpeg reads (default: the sample of 45 s)')
      .option('--print-partials', 'print every interim text as it comes', false)
      .option('--n <count>', 'play it this many times, one after the other', count, 1),
  )
    .addHelpText('after', warmupHelp)
    .action(runWarmup)
}

const warmupHelp = `
Prints what client prints, and: Partials (interim texts), delta(audio) (Wall - Audio), Flush->Final (from finalize to its
final).

Example:
  yap warmup --file samples/mid.wav --rtf 1000`

async function runWarmup(flags: WarmupFlags): Promise<void> {
  const file = flags.file ?? sampleFile
  const audio = await audioOf(file)
  const interrupt = new Interrupt()
  try {
    for (let i = 0; i < flags.n && !interrupt.interrupted; i++) {
      const done = await talk({
        url: urlOf(flags),
        init: initOf(flags),
        audio,
        speed: flags.rtf,
        end: 'finalize',
        stop: interrupt.polite,
        signal: interrupt.hard,
        onMessage: messagePrinter(flags),
      })
      const lines = flags.json
        ? [JSON.stringify({ file, ...talkJson(done) })]
        : talkLines(done, { fullText: flags.fullText, warmup: true })
      process.stdout.write(`${lines.join('\n')}\n`)
    }
    if (interrupt.interrupted) process.exitCode = interruptedExitCode
  } finally {
    interrupt.dispose()
  }
}
