/** What every process tells of itself: event-loop delay, memory, uptime. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Meter } from './telemetry.js'

const NS_PER_MS = 1e6
const RESOLUTION_MS = 10

export class ProcessMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor(meter: Meter) {
    this.#delay.enable()
    const lag = meter.createObservableGauge('yap_event_loop_lag_ms', {
      description: 'Delay of the event loop beyond its timer, since the last reading, by quantile.',
    })
    lag.addCallback((result) => {
      for (const [quantile, value] of Object.entries(this.takeLagMs())) result.observe(value, { quantile })
    })
    const rss = meter.createObservableGauge('yap_process_resident_bytes', {
      description: 'Resident memory of this process.',
    })
    rss.addCallback((result) => result.observe(process.memoryUsage.rss()))
    const uptime = meter.createObservableGauge('yap_process_uptime_seconds', {
      description: 'Seconds since this process started.',
    })
    uptime.addCallback((result) => result.observe(process.uptime()))
  }

  /** Lag in ms since the last call; the timer's own resolution is taken off. */
  takeLagMs(): { p50: number; p99: number; max: number } {
    const taken = {
      p50: lagMs(this.#delay.percentile(50)),
      p99: lagMs(this.#delay.percentile(99)),
      max: lagMs(this.#delay.max),
    }
    this.#delay.reset()
    return taken
  }

  stop(): void {
    this.#delay.disable()
  }
}

/** Without a sample yet the monitor says NaN, or the largest number there is. */
function lagMs(ns: number): number {
  const ms = ns / NS_PER_MS - RESOLUTION_MS
  return Number.isFinite(ms) && ms > 0 && ms < 1e6 ? ms : 0
}
