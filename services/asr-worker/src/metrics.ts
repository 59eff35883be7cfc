/** What a worker tells of its work. Buckets follow from the meaning: a step must be short beside a chunk of 80 to 1120 ms. */
import type { Counter, Histogram, Meter } from '@yap/runtime'

const STEP_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.4, 0.8, 1.6]
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128]
const WAIT_SECONDS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56]

export interface WorkerGauges {
  slots: number
  sessions: number
  busyShare: number
  pendingSeconds: number
}

export class WorkerMetrics {
  readonly #lookAheads: readonly string[]
  readonly #step: Histogram
  readonly #rows: Histogram
  readonly #wait: Histogram
  readonly #busy: Counter
  readonly #binds: Counter
  readonly #failed: Counter
  readonly #dropped: Counter
  readonly #gaps: Counter

  constructor(meter: Meter, lookAheads: readonly string[], gauges: () => WorkerGauges) {
    this.#lookAheads = lookAheads
    const histogram = (name: string, description: string, explicitBucketBoundaries: number[]) =>
      meter.createHistogram(name, { description, advice: { explicitBucketBoundaries } })
    this.#step = histogram('yap_step_seconds', 'Time of one step of the model, by look-ahead.', STEP_SECONDS)
    this.#rows = histogram('yap_step_rows', 'Sessions in one step, by look-ahead: how full batches are.', ROWS)
    this.#wait = histogram(
      'yap_chunk_wait_seconds',
      'Lag: from a chunk being complete at the worker to the start of its step.',
      WAIT_SECONDS,
    )
    const counter = (name: string, description: string) => meter.createCounter(name, { description })
    this.#busy = counter('yap_engine_busy_seconds_total', 'Time that the engine spent in steps.')
    this.#binds = counter('yap_binds_total', 'Answers to bind requests, by status.')
    this.#failed = counter('yap_sessions_failed_total', 'Sessions that ended because their numbers went bad.')
    this.#dropped = counter(
      'yap_messages_dropped_total',
      'Messages that were not for a session here, or unreadable, by reason.',
    )
    this.#gaps = counter('yap_gaps_total', 'Gaps in the audio that were asked for again.')
    this.#gauge(meter, 'yap_slots', 'Slots of this worker.', () => gauges().slots)
    this.#gauge(meter, 'yap_sessions', 'Sessions that hold a slot.', () => gauges().sessions)
    this.#gauge(
      meter,
      'yap_busy_share',
      'Share of its time that the sessions need, in the batches that full load forms.',
      () => gauges().busyShare,
    )
    this.#gauge(
      meter,
      'yap_pending_audio_seconds',
      'Audio of all sessions that has arrived and is not stepped.',
      () => gauges().pendingSeconds,
    )
  }

  stepped(lookAhead: number, rows: number, stepMs: number): void {
    const attributes = { look_ahead: this.#lookAheads[lookAhead]! }
    this.#step.record(stepMs / 1000, attributes)
    this.#rows.record(rows, attributes)
    this.#busy.add(stepMs / 1000)
  }

  waited(queueMs: number): void {
    this.#wait.record(queueMs / 1000)
  }

  bound(status: string): void {
    this.#binds.add(1, { status })
  }

  failed(): void {
    this.#failed.add(1)
  }

  dropped(reason: 'unreadable' | 'unknown_session'): void {
    this.#dropped.add(1, { reason })
  }

  gap(): void {
    this.#gaps.add(1)
  }

  #gauge(meter: Meter, name: string, description: string, read: () => number): void {
    meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read()))
  }
}
