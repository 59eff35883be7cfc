/** The numbers of a benchmark run, and the table and the JSON that show them. */
import { round } from '../client/talk-report.js'
import type { Talk } from '../client/talk.js'
import type { BenchResult, TalkOutcome } from './run-bench.js'
import type { ControlLag, TimerLag } from './control-timer.js'
import { summarise, type Summary } from './statistics.js'

export interface BenchParams {
  server: string
  file: string
  n: number
  concurrency: number
  /** Speed factor: 1 is real time. */
  rtf: number
  attCtx: string | undefined
  decoder: string | undefined
}

export interface BenchSummary {
  params: BenchParams
  model: string | undefined
  completed: number
  rejected: number
  errors: number
  stopped: number
  wallS: Summary | undefined
  audioS: Summary | undefined
  rtf: Summary | undefined
  xrt: Summary | undefined
  ttfwS: Summary | undefined
  /** From `close` to the final. */
  finalMs: Summary | undefined
  /** From the end of an interim's audio to its arrival; only where audio was played no faster than real time. */
  interimMs: Summary | undefined
  totalS: number
  audioTotalS: number
  /** Seconds of audio per second. */
  throughput: number
  /** Different texts among the completed talks: they all played the same audio, so 1 is right. */
  distinctTexts: number
  controlLag: ControlLag
  /** What failed, and how often. */
  messages: [message: string, count: number][]
}

export function summariseBench(params: BenchParams, result: BenchResult): BenchSummary {
  const talks = result.outcomes.flatMap((outcome) => (outcome.kind === 'completed' ? [outcome.talk] : []))
  const count = (kind: TalkOutcome['kind']): number => result.outcomes.filter((outcome) => outcome.kind === kind).length
  const audioTotalS = talks.reduce((sum, talk) => sum + talk.audioMs, 0) / 1000
  return {
    params,
    model: talks.find((talk) => talk.ready)?.ready?.model,
    completed: talks.length,
    rejected: count('rejected'),
    errors: count('error'),
    stopped: count('stopped'),
    wallS: summarise(talks.map((talk) => talk.wallMs / 1000)),
    audioS: summarise(talks.map((talk) => talk.audioMs / 1000)),
    rtf: summarise(talks.map((talk) => talk.wallMs / talk.audioMs)),
    xrt: summarise(talks.map((talk) => talk.audioMs / talk.wallMs)),
    ttfwS: summarise(talks.flatMap((talk) => (talk.ttfwMs === undefined ? [] : [talk.ttfwMs / 1000]))),
    finalMs: summarise(talks.map((talk) => talk.flushToFinalMs)),
    interimMs: summarise(interimLatencies(params, talks)),
    totalS: result.totalMs / 1000,
    audioTotalS,
    throughput: audioTotalS / (result.totalMs / 1000),
    distinctTexts: new Set(talks.map((talk) => talk.text)).size,
    controlLag: result.controlLag,
    messages: messageCounts(result.outcomes),
  }
}

/** A file that is played faster than speech has no moment at which a chunk "was there". */
export function interimLatencies(params: BenchParams, talks: readonly Talk[]): number[] {
  return params.rtf > 1 ? [] : talks.flatMap((talk) => talk.interimLatenciesMs)
}

function messageCounts(outcomes: readonly TalkOutcome[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const outcome of outcomes)
    if (outcome.kind !== 'completed') counts.set(outcome.message, (counts.get(outcome.message) ?? 0) + 1)
  return [...counts].toSorted((a, b) => b[1] - a[1])
}

export function summaryLines(summary: BenchSummary): string[] {
  const { params, controlLag } = summary
  return [
    `${summary.completed} of ${params.n} talks completed, ${params.concurrency} at a time, at ${params.rtf} x real time${
      summary.model ? `; model ${summary.model}` : ''
    }`,
    `${''.padEnd(18)}${['avg', 'p50', 'p95'].map((name) => name.padStart(9)).join('')}`,
    row('Wall', summary.wallS, 3, 's'),
    row('Audio', summary.audioS, 3, 's'),
    row('RTF', summary.rtf, 4, ''),
    row('xRT', summary.xrt, 2, ''),
    row('TTFW', summary.ttfwS, 3, 's'),
    row('Flush->Final', summary.finalMs, 1, 'ms'),
    ...(params.rtf > 1 ? [] : [row('Audio->Interim', summary.interimMs, 1, 'ms')]),
    fact('Rejected', String(summary.rejected)),
    fact('Errors', String(summary.errors)),
    ...(summary.stopped > 0 ? [fact('Stopped', String(summary.stopped))] : []),
    fact('Total elapsed', `${summary.totalS.toFixed(2)} s`),
    fact('Audio processed', `${summary.audioTotalS.toFixed(1)} s`),
    fact('Throughput', `${summary.throughput.toFixed(2)} s of audio per second`),
    fact('Texts', textsInWords(summary)),
    fact('Timer lag', `this client ${lagInWords(controlLag.client)}`),
    fact('', `idle thread ${lagInWords(controlLag.idle)}`),
    ...summary.messages.slice(0, 5).map(([message, count]) => fact(`  ${count} x`, message)),
  ].map((line) => line.trimEnd())
}

function row(name: string, values: Summary | undefined, digits: number, unit: string): string {
  if (!values) return fact(name, '-'.padStart(9))
  const cells = [values.avg, values.p50, values.p95].map((value) => value.toFixed(digits).padStart(9))
  return fact(name, `${cells.join('')}  ${unit}`)
}

function fact(name: string, value: string): string {
  return name.padEnd(18) + value
}

function lagInWords({ p50Ms, p95Ms, maxMs }: TimerLag): string {
  return `p50 ${p50Ms.toFixed(1)}, p95 ${p95Ms.toFixed(1)}, max ${maxMs.toFixed(1)} ms`
}

function textsInWords({ completed, distinctTexts }: BenchSummary): string {
  if (completed === 0) return '-'
  return distinctTexts === 1 ? 'all the same' : `${distinctTexts} different ones for the same audio`
}

export function summaryJson(summary: BenchSummary): Record<string, unknown> {
  const { params, controlLag } = summary
  return {
    server: params.server,
    file: params.file,
    n: params.n,
    concurrency: params.concurrency,
    speed: params.rtf,
    att_ctx: params.attCtx ?? null,
    decoder: params.decoder ?? null,
    model: summary.model ?? null,
    completed: summary.completed,
    rejected: summary.rejected,
    errors: summary.errors,
    stopped: summary.stopped,
    wall_s: rounded(summary.wallS),
    audio_s: rounded(summary.audioS),
    rtf: rounded(summary.rtf),
    xrt: rounded(summary.xrt),
    ttfw_s: rounded(summary.ttfwS),
    flush_to_final_ms: rounded(summary.finalMs),
    audio_to_interim_ms: rounded(summary.interimMs),
    total_elapsed_s: round(summary.totalS),
    audio_processed_s: round(summary.audioTotalS),
    throughput: round(summary.throughput),
    distinct_texts: summary.distinctTexts,
    timer_lag_ms: { client: rounded(timesOf(controlLag.client)), idle: rounded(timesOf(controlLag.idle)) },
    messages: Object.fromEntries(summary.messages),
  }
}

function rounded(values: object | undefined): Record<string, number> | null {
  return values
    ? Object.fromEntries(Object.entries(values).map(([name, value]) => [name, round(value as number)]))
    : null
}

function timesOf({ p50Ms, p95Ms, maxMs }: TimerLag): Record<string, number> {
  return { p50: p50Ms, p95: p95Ms, max: maxMs }
}
