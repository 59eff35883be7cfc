/**
 * n talks, at most `concurrency` at a time, each playing the same audio by its own clock.
 *
 * The first ones start spread over `spreadMs`, because people do not begin to speak in the same millisecond; each that
 * ends makes room for the next. A refusal for want of room counts as rejected, everything else that fails as an error;
 * neither stops the run.
 */
import { setMaxListeners } from 'node:events'
import { SessionError } from '../client/session-error.js'
import { sleep } from '../client/sleep.js'
import { talk, type Talk } from '../client/talk.js'
import type { InitOptions } from '../client/speech-session.js'
import { ControlTimer, type ControlLag } from './control-timer.js'

export interface BenchOptions {
  url: string
  init: InitOptions
  /** 16 kHz. */
  pcm: Int16Array
  speed: number
  n: number
  concurrency: number
  spreadMs: number
  /** Called at each change of the numbers. */
  onProgress?: (progress: BenchProgress) => void
  onLog?: (line: string) => void
  /** Ends the run: live talks are let go, and no new ones start. */
  signal?: AbortSignal
}

export interface BenchProgress {
  live: number
  completed: number
  rejected: number
  errors: number
}

export type TalkOutcome =
  | { kind: 'completed'; index: number; startMs: number; endMs: number; talk: Talk }
  | { kind: 'rejected' | 'error' | 'stopped'; index: number; startMs: number; endMs: number; message: string }

export interface BenchResult {
  /** In the order of their start; times count from the run's start. */
  outcomes: TalkOutcome[]
  totalMs: number
  controlLag: ControlLag
}

export async function runBench(options: BenchOptions): Promise<BenchResult> {
  // Each live talk listens to it, and there may be thousands.
  if (options.signal) setMaxListeners(0, options.signal)
  const controlTimer = await ControlTimer.start()
  const runStartMs = performance.now()
  const outcomes: TalkOutcome[] = []
  const progress: BenchProgress = { live: 0, completed: 0, rejected: 0, errors: 0 }
  let nextIndex = 0

  async function oneTalk(index: number): Promise<void> {
    progress.live++
    options.onProgress?.(progress)
    const startMs = performance.now() - runStartMs
    const outcome = await outcomeOf(index, startMs, runStartMs, options)
    outcomes[index] = outcome
    progress.live--
    if (outcome.kind === 'completed') progress.completed++
    else if (outcome.kind === 'rejected') progress.rejected++
    else if (outcome.kind === 'error') progress.errors++
    if (outcome.kind !== 'completed') options.onLog?.(`talk ${index + 1}: ${outcome.message}`)
    options.onProgress?.(progress)
  }

  async function lane(number: number): Promise<void> {
    await sleep((options.spreadMs * number) / options.concurrency, options.signal)
    while (nextIndex < options.n && !options.signal?.aborted) await oneTalk(nextIndex++)
  }

  const lanes = Array.from({ length: Math.min(options.concurrency, options.n) }, (_, number) => lane(number))
  const ended = await Promise.allSettled(lanes)
  const totalMs = performance.now() - runStartMs
  const controlLag = await controlTimer.stop()
  for (const one of ended) if (one.status === 'rejected') throw one.reason
  return { outcomes, totalMs, controlLag }
}

async function outcomeOf(
  index: number,
  startMs: number,
  runStartMs: number,
  options: BenchOptions,
): Promise<TalkOutcome> {
  const endMs = (): number => performance.now() - runStartMs
  try {
    const done = await talk({
      url: options.url,
      init: { ...options.init, sid: `bench-${index + 1}` },
      audio: options.pcm,
      speed: options.speed,
      ...(options.signal ? { signal: options.signal } : {}),
    })
    return { kind: 'completed', index, startMs, endMs: endMs(), talk: done }
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    const kind = error.code === 'capacity' ? 'rejected' : error.code === 'aborted' ? 'stopped' : 'error'
    return { kind, index, startMs, endMs: endMs(), message: error.message }
  }
}
