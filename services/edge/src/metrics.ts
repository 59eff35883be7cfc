/** What an edge tells of its work. Names end in their unit; nothing is labelled by session or client. */
import { LIMITS } from '@yap/protocol'
import type { Meter } from '@yap/runtime'
import type { Counted } from './session-events.js'

/** Live state that gauges read when they are asked. */
export interface EdgeGauges {
  sessions(): number
  connections(): number
  /** Audio that waits in the edge for its worker, ms, over all sessions. */
  waitingMs(): number
}

/** Around the chunk of the default look-ahead (160 ms), where lag turns from good to bad. */
const LAG_BUCKETS_MS = [20, 40, 80, 120, 160, 240, 320, 640, 1280, 2560, 5120]

export class EdgeMetrics {
  readonly #counted
  readonly #errors
  readonly #opened
  readonly #audio
  readonly #results
  readonly #interimLag
  readonly #finalLag
  readonly #superseded

  constructor(meter: Meter, gauges: EdgeGauges) {
    this.#counted = meter.createCounter('yap_session_events_total', {
      description: 'Zombie messages dropped, failovers, replayed results that differ, and the like, by kind.',
    })
    this.#errors = meter.createCounter('yap_client_errors_total', { description: 'Errors told to clients, by code.' })
    this.#opened = meter.createCounter('yap_sessions_opened_total', { description: 'Sessions that were placed.' })
    this.#audio = meter.createCounter('yap_audio_received_seconds_total', {
      description: 'Audio received from clients.',
    })
    this.#results = meter.createCounter('yap_results_total', { description: 'Results told to clients, by kind.' })
    this.#superseded = meter.createCounter('yap_interims_superseded_total', {
      description: 'Interims that a newer one replaced before a slow client read them.',
    })
    const advice = { explicitBucketBoundaries: LAG_BUCKETS_MS }
    this.#interimLag = meter.createHistogram('yap_interim_lag_ms', {
      description: 'From the arrival of the newest audio that an interim covers to the interim.',
      advice,
    })
    this.#finalLag = meter.createHistogram('yap_final_lag_ms', {
      description: 'From the end of a turn to its final.',
      advice,
    })
    const gauge = (name: string, description: string, read: () => number): void =>
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read()))
    gauge('yap_sessions', 'Live sessions.', () => gauges.sessions())
    gauge('yap_connections', 'Open WebSockets.', () => gauges.connections())
    gauge('yap_audio_waiting_ms', 'Audio that waits for its worker, over all sessions.', () => gauges.waitingMs())
    gauge(
      'yap_client_buffer_bytes_max',
      'Unsent bytes to one client before interims are superseded.',
      () => LIMITS.clientBufferedBytesMax,
    )
  }

  counted(what: Counted, n: number): void {
    this.#counted.add(n, { kind: what })
  }

  error(code: string): void {
    this.#errors.add(1, { code })
  }

  opened(): void {
    this.#opened.add(1)
  }

  heard(seconds: number): void {
    this.#audio.add(seconds)
  }

  said(kind: 'interim' | 'final', lagMs: number): void {
    this.#results.add(1, { kind })
    if (kind === 'interim') this.#interimLag.record(lagMs)
    else this.#finalLag.record(lagMs)
  }

  superseded(n: number): void {
    this.#superseded.add(n)
  }
}
