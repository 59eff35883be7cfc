/** `yap bench`: plays one file many times at once to a running service, and prints how it held. */
import { writeFileSync } from 'node:fs'
import { SingleBar } from 'cli-progress'
import { InvalidArgumentError, type Command } from 'commander'
import { summariseBench, summaryJson, summaryLines, type BenchParams } from '../bench/bench-summary.js'
import { htmlReport } from '../bench/html-report.js'
import { runBench, type BenchProgress, type BenchResult } from '../bench/run-bench.js'
import { round } from '../client/talk-report.js'
import { Interrupt, interruptedExitCode } from './interrupt.js'
import { addTalkFlags, audioOf, count, initOf, sampleFile, urlOf, type TalkFlags } from './talk-options.js'

interface BenchFlags extends TalkFlags {
  n: number
  concurrency?: number
  spreadMs?: number
  html?: string
}

export function registerBench(program: Command): void {
  addTalkFlags(
    program
      .command('bench')
      .description('play one file many times at once to a running service, and print how it held')
      .option('--file <path>', 'WAV, or whatever ffmpeg reads (default: the sample of 45 s)')
      .option('--n <count>', 'talks in all', count, 10)
      .option('--concurrency <count>', 'talks at a time (default: all of them)', count)
      .option(
        '--spread-ms <ms>',
        'the first talks start spread over this time (default: 1000 up to real time, else 0)',
        ms,
      )
      .option('--html <path>', 'write a report as one page: histograms and a timeline'),
  )
    .addHelpText('after', benchHelp)
    .action(runBenchCommand)
}

const benchHelp = `
Prints avg, p50 and p95 of Wall, Audio, RTF, xRT, TTFW, Flush->Final and (up to real time) Audio->Interim; Rejected (no
room), Errors, Total elapsed, Audio processed, Throughput; and how late timers fired here, beside those of an idle thread.

Frames go out by the clock, whether or not the service keeps up. Load goes to this machine unless --server names another.

Example:
  yap bench --file samples/mid.wav --n 50 --concurrency 50 --rtf 1 --html report.html`

async function runBenchCommand(flags: BenchFlags): Promise<void> {
  const file = flags.file ?? sampleFile
  const concurrency = Math.min(flags.concurrency ?? flags.n, flags.n)
  const params: BenchParams = {
    server: urlOf(flags),
    file,
    n: flags.n,
    concurrency,
    rtf: flags.rtf,
    attCtx: flags.attCtx,
    decoder: flags.decoder,
  }
  const pcm = await audioOf(file)
  const interrupt = new Interrupt()
  const bar = progressBar(flags)
  try {
    const result = await runBench({
      url: params.server,
      init: initOf(flags),
      pcm,
      speed: flags.rtf,
      n: flags.n,
      concurrency,
      spreadMs: flags.spreadMs ?? (flags.rtf > 1 ? 0 : 1000),
      onProgress: (progress) => bar?.show(progress),
      signal: interrupt.polite,
      ...(flags.debug ? { onLog: (line: string) => process.stderr.write(`${line}\n`) } : {}),
    })
    bar?.stop()
    print(flags, params, result)
    if (interrupt.interrupted) process.exitCode = interruptedExitCode
  } finally {
    bar?.stop()
    interrupt.dispose()
  }
}

function print(flags: BenchFlags, params: BenchParams, result: BenchResult): void {
  const summary = summariseBench(params, result)
  if (flags.html) writeFileSync(flags.html, htmlReport(summary, result, new Date()))
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ ...summaryJson(summary), talks: talksJson(flags, result) })}\n`)
  else {
    for (const outcome of result.outcomes)
      if (flags.fullText && outcome.kind === 'completed')
        process.stdout.write(`${outcome.index + 1}: ${outcome.talk.text || '(no words)'}\n`)
    process.stdout.write(`${summaryLines(summary).join('\n')}\n`)
    if (flags.html) process.stdout.write(`Report: ${flags.html}\n`)
  }
  if (summary.errors > 0 || summary.completed === 0) process.exitCode = 1
}

function talksJson(flags: BenchFlags, result: BenchResult): Record<string, unknown>[] {
  return result.outcomes.map((outcome) => {
    const times = { outcome: outcome.kind, start_s: round(outcome.startMs / 1000), end_s: round(outcome.endMs / 1000) }
    if (outcome.kind !== 'completed') return { ...times, message: outcome.message }
    const { wallMs, ttfwMs, flushToFinalMs, partials, lateMsMax, text } = outcome.talk
    return {
      ...times,
      wall_s: round(wallMs / 1000),
      ttfw_s: ttfwMs === undefined ? null : round(ttfwMs / 1000),
      flush_to_final_ms: round(flushToFinalMs),
      partials,
      client_late_ms_max: round(lateMsMax),
      ...(flags.fullText ? { text } : {}),
    }
  })
}

interface ProgressBar {
  show(progress: BenchProgress): void
  stop(): void
}

/** On a terminal only, and never mixed into --json or --debug output. */
function progressBar(flags: BenchFlags): ProgressBar | undefined {
  if (!process.stderr.isTTY || flags.debug) return undefined
  const bar = new SingleBar({
    format: '{bar} {value}/{total} talks, {live} live, {rejected} rejected, {errors} errors, {duration_formatted}',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    // Ctrl-C is the command's own affair.
    gracefulExit: false,
    emptyOnZero: true,
  })
  bar.start(flags.n, 0, { live: 0, rejected: 0, errors: 0 })
  return {
    show: ({ live, completed, rejected, errors }) =>
      bar.update(completed + rejected + errors, { live, rejected, errors }),
    stop: () => bar.stop(),
  }
}

function ms(text: string): number {
  const value = Number(text)
  if (!(value >= 0 && value <= 3_600_000)) throw new InvalidArgumentError('it must be a number from 0 to 3600000.')
  return value
}
