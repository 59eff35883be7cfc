/** What a router tells of its work. */
import type { Meter, WorkerWatch } from '@yap/runtime'

export class RouterMetrics {
  readonly #placements

  constructor(meter: Meter, watch: WorkerWatch) {
    this.#placements = meter.createCounter('yap_placements_total', { description: 'Answers to Place, by result.' })
    const workers = meter.createObservableGauge('yap_workers', { description: 'Workers that are known, by state.' })
    workers.addCallback((result) => {
      const counts = { up: 0, suspect: 0, draining: 0 }
      for (const { life } of watch.table.all()) if (life !== 'gone') counts[life]++
      for (const [state, count] of Object.entries(counts)) result.observe(count, { state })
    })
    const busy = meter.createObservableGauge('yap_worker_busy_share', {
      description: 'Predicted share of its time that a worker needs for its sessions.',
    })
    busy.addCallback((result) => {
      for (const { beat } of watch.table.all()) result.observe(beat.busyShare, { worker: beat.name })
    })
  }

  placed(result: string): void {
    this.#placements.add(1, { result })
  }
}
