/**
 * How late timers fire while a benchmark runs: in this process, which plays the audio, and in an idle thread beside it,
 * which shows what the machine alone does.
 *
 * Latencies are only as good as these: a client that is late itself measures itself.
 */
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

export interface TimerLag {
  p50Ms: number
  p95Ms: number
  maxMs: number
}

export interface ControlLag {
  /** In the process that plays the audio. */
  client: TimerLag
  /** In a thread that does nothing else. */
  idle: TimerLag
}

const resolutionMs = 10

export class ControlTimer {
  readonly #histogram = startedHistogram()
  readonly #thread: Worker

  static async start(): Promise<ControlTimer> {
    const timer = new ControlTimer()
    await answer(timer.#thread)
    return timer
  }

  private constructor() {
    this.#thread = new Worker(new URL(import.meta.url))
  }

  /** Ends the measurement, and the thread. */
  async stop(): Promise<ControlLag> {
    this.#histogram.disable()
    const idle = answer(this.#thread)
    this.#thread.postMessage('stop')
    return { client: lagOf(this.#histogram), idle: (await idle) as TimerLag }
  }
}

function answer(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
  })
}

function startedHistogram(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  return histogram
}

/** The histogram holds whole intervals, in ns. */
function lagOf(histogram: IntervalHistogram): TimerLag {
  if (histogram.count === 0) return { p50Ms: 0, p95Ms: 0, maxMs: 0 }
  return {
    p50Ms: lateMs(histogram.percentile(50)),
    p95Ms: lateMs(histogram.percentile(95)),
    maxMs: lateMs(histogram.max),
  }
}

function lateMs(intervalNs: number): number {
  return Math.max(0, intervalNs / 1e6 - resolutionMs)
}

if (!isMainThread && parentPort) {
  const histogram = startedHistogram()
  parentPort.once('message', () => parentPort!.postMessage(lagOf(histogram)))
  parentPort.postMessage('started')
}
