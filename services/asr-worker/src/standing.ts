/** How this worker stands, in numbers: told by heartbeats, gRPC, /status and metrics alike. */
import type { Heartbeat, Id } from '@yap/protocol'
import type { ModelManifest } from '@yap/model'
import type { Clock } from '@yap/runtime'
import type { CostModel } from './cost-model.js'
import type { WorkerGauges } from './metrics.js'
import { modelCard } from './model-card.js'
import type { SessionTable } from './session-table.js'
import type { StepTimes } from './step-times.js'

export interface StandingParts {
  worker: Id
  incarnation: Id
  name: string
  zone: string
  device: string
  manifest: ModelManifest
  sessions: SessionTable
  cost: CostModel
  stepTimes: StepTimes
  draining: () => boolean
  clock: Clock
}

const SAMPLES_PER_SECOND = 16_000

export class Standing {
  readonly #parts: StandingParts
  readonly #model: Heartbeat['model']
  readonly #startedAtMs: number
  /** host:port of the gRPC door, once it is open. */
  grpc = ''
  #seq = 0

  constructor(parts: StandingParts) {
    this.#parts = parts
    this.#startedAtMs = parts.clock.now()
    const { manifest } = parts
    this.#model = {
      ...modelCard(manifest),
      name: manifest.name,
      hash: manifest.hash,
      licence: manifest.licence,
      lookAheads: manifest.lookAheads.map((lookAhead) => lookAhead.name),
      defaultLookAhead: manifest.defaultLookAhead,
      decoders: ['rnnt', 'ctc'],
    }
  }

  /** The next heartbeat. */
  heartbeat(): Heartbeat {
    const { worker, incarnation, name, zone, device, manifest, cost } = this.#parts
    const { slots, sessions, busyShare, stepMsP50, stepMsP95, draining } = this.status()
    const perSession = manifest.lookAheads.map((lookAhead, i) => [lookAhead.name, round(cost.sessionShare(i))] as const)
    return {
      worker,
      incarnation,
      name,
      zone,
      device,
      slots,
      sessions,
      busyShare,
      stepMsP50,
      stepMsP95,
      draining,
      seq: this.#seq++,
      grpc: this.grpc,
      model: this.#model,
      busySharePerSession: Object.fromEntries(perSession),
    }
  }

  /** For people and tables. */
  status() {
    const { worker, incarnation, name, device, manifest, sessions, cost, stepTimes, draining, clock } = this.#parts
    const { p50, p95 } = stepTimes.quantiles(clock.now())
    return {
      worker,
      name,
      incarnation,
      device,
      model: manifest.name,
      modelHash: manifest.hash,
      slots: sessions.slots.size,
      sessions: sessions.liveCount,
      busyShare: round(cost.busyShare(sessions.counts)),
      stepMsP50: p50,
      stepMsP95: p95,
      steps: stepTimes.count,
      draining: draining(),
      uptimeMs: Math.round(clock.now() - this.#startedAtMs),
    }
  }

  gauges(): WorkerGauges {
    const { slots, sessions, busyShare } = this.status()
    let pendingSamples = 0
    for (const session of this.#parts.sessions.all()) pendingSamples += session.core.pendingSamples
    return { slots, sessions, busyShare, pendingSeconds: pendingSamples / SAMPLES_PER_SECOND }
  }
}

const round = (share: number): number => Math.round(share * 1e4) / 1e4
