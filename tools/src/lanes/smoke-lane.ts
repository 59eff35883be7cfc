/**
 * `npm run bench:smoke`: the whole service on this machine with many speakers at once, in real time.
 *
 * Prints whether every transcript is the one that a lone session gets, how late words come (from the end of a chunk at
 * the client to its interim there), and the edge's event-loop lag beside that of an idle control thread.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readAudioFile } from '@yap/audio'
import { runBench, type BenchResult } from '../bench/run-bench.js'
import { summariseBench, type BenchSummary } from '../bench/bench-summary.js'
import type { RunFile } from '../start/run-file.js'
import { appendResult } from './lane-result.js'
import { startSystem } from './running-system.js'

const SAMPLE = fileURLToPath(new URL('../../../samples/mid.wav', import.meta.url))
const SAMPLES_PER_SECOND = 16_000
const HELP = `npm run bench:smoke -- [--sessions 50] [--seconds 20] [--workers 1] [--model NAME] [--json] [--no-save]

Starts the whole service, lets so many sessions speak at once in real time, and prints
how late their words come and whether each transcript is that of a lone session.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '20' },
      workers: { type: 'string', default: '1' },
      model: { type: 'string', default: 'demo-digits-en' },
      json: { type: 'boolean', default: false },
      'no-save': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const [sessions, seconds] = [Number(values.sessions), Number(values.seconds)]
  if (!Number.isInteger(sessions) || sessions < 1 || !(seconds > 0))
    throw new Error('--sessions and --seconds take numbers above 0')
  const pcm = (await readAudioFile(SAMPLE)).pcm.subarray(0, Math.round(seconds * SAMPLES_PER_SECOND))
  const system = await startSystem(['--workers', values.workers, '--model', values.model])
  try {
    const result = await measure(system.run, pcm, sessions, system.readyMs)
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : table(result))
    if (!values['no-save']) process.stderr.write(`kept in ${await appendResult({ lane: 'smoke', ...result })}\n`)
    if (result.differing > 0 || result.completed < sessions) process.exitCode = 1
  } finally {
    await system.stop()
  }
}

async function measure(run: RunFile, pcm: Int16Array, sessions: number, readyMs: number) {
  const edge = run.processes.find((p) => p.name === 'edge')!
  const http = `http://127.0.0.1:${edge.ports.http}`
  const url = `ws://127.0.0.1:${edge.ports.http}/`
  const play = (n: number, speed: number): Promise<BenchResult> =>
    runBench({ url, init: { sr: SAMPLES_PER_SECOND }, pcm, speed, n, concurrency: n, spreadMs: 1000 })
  const alone = await play(1, 1000)
  const [lone] = textsOf(alone)
  if (lone === undefined) throw new Error(`a lone session failed: ${JSON.stringify(alone.outcomes[0])}`)
  const rssMb = await residentMb(run)
  await eventLoopLag(http) // reading it begins the next interval
  const result = await play(sessions, 1)
  const edgeLag = await eventLoopLag(http)
  const params = {
    server: url,
    file: SAMPLE,
    n: sessions,
    concurrency: sessions,
    rtf: 1,
    attCtx: undefined,
    decoder: undefined,
  }
  const summary: BenchSummary = summariseBench(params, result)
  return {
    model: summary.model,
    sessions,
    completed: summary.completed,
    rejected: summary.rejected,
    errors: summary.errors,
    messages: summary.messages,
    differing: textsOf(result).filter((text) => text !== lone).length,
    words: lone.split(' ').length,
    interimMs: summary.interimMs,
    finalMs: summary.finalMs,
    edgeLagMs: edgeLag,
    controlLagMs: summary.controlLag,
    readyMs,
    rssMb,
    rssBusyMb: await residentMb(run),
  }
}

function textsOf(result: BenchResult): string[] {
  return result.outcomes.flatMap((outcome) => (outcome.kind === 'completed' ? [outcome.talk.text] : []))
}

/** yap_event_loop_lag_ms of the edge since the last reading, by quantile. */
async function eventLoopLag(http: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${http}/metrics`)).text()
  const lag: Record<string, number> = {}
  for (const [, quantile, value] of text.matchAll(
    /^yap_event_loop_lag_ms\{[^}]*quantile="(\w+)"[^}]*\} ([\d.e+-]+)/gm,
  )) {
    lag[quantile!] = Number(value)
  }
  return lag
}

/** Resident memory of the system's processes together, where /proc tells. */
async function residentMb(run: RunFile): Promise<number | undefined> {
  let pages = 0
  for (const pid of [run.supervisor.pid, ...run.processes.map((p) => p.pid)]) {
    const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => undefined)
    if (statm === undefined) return undefined
    pages += Number(statm.split(' ')[1])
  }
  return (pages * 4096) / 1e6
}

function table(r: Awaited<ReturnType<typeof measure>>): string {
  const ms = (value: number | undefined) => (value === undefined ? '–' : `${value.toFixed(1)} ms`)
  const mb = (value: number | undefined) => (value === undefined ? '–' : `${value.toFixed(0)} MB`)
  const rows: [string, string][] = [
    ['model', r.model ?? '–'],
    ['ready after', `${(r.readyMs / 1000).toFixed(1)} s`],
    ['sessions', `${r.completed} of ${r.sessions} completed, ${r.rejected} rejected, ${r.errors} errors`],
    ['transcripts', `${r.differing} differ from a lone session's ${r.words} words`],
    ['end of chunk -> interim', `p50 ${ms(r.interimMs?.p50)}, p95 ${ms(r.interimMs?.p95)}`],
    ['close -> final', `p50 ${ms(r.finalMs?.p50)}, p95 ${ms(r.finalMs?.p95)}`],
    ['event-loop lag, edge', `p50 ${ms(r.edgeLagMs.p50)}, p99 ${ms(r.edgeLagMs.p99)}`],
    [
      'timer lag, idle thread',
      `p50 ${ms(r.controlLagMs.idle.p50Ms)}, p95 ${ms(r.controlLagMs.idle.p95Ms)}, max ${ms(r.controlLagMs.idle.maxMs)}`,
    ],
    ['timer lag, client', `p50 ${ms(r.controlLagMs.client.p50Ms)}, p95 ${ms(r.controlLagMs.client.p95Ms)}`],
    ['memory', `${mb(r.rssMb)} after one session, ${mb(r.rssBusyMb)} after all`],
    ...r.messages.map(([message, count]): [string, string] => ['failed', `${count} x ${message}`]),
  ]
  return rows.map(([name, value]) => `${name.padEnd(24)}${value}\n`).join('')
}

await main().catch((error: Error) => {
  process.stderr.write(`bench:smoke: ${error.message}\n`)
  process.exitCode = 1
})
