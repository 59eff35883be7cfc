/** The worker's parts, put together; audio passes them from top to bottom. */
import type { ModelManifest } from '@yap/model'
import { asId, type Id } from '@yap/protocol'
import type { Clock, Logger, NatsLink, Settings, StopSequence, Telemetry } from '@yap/runtime'
import { Admission } from './admission.js'
import { Announce } from './announce.js'
import { Binds } from './binds.js'
import { bucketSizes } from './buckets.js'
import { SCRATCH_SLOTS, sessionSlots } from './capacity.js'
import { CostModel } from './cost-model.js'
import { Drain } from './drain.js'
import { Egress } from './egress.js'
import type { EngineHost } from './engine-host.js'
import { GrpcDoor } from './grpc-door.js'
import { Ingress } from './ingress.js'
import { WorkerMetrics } from './metrics.js'
import { SchedulerCore } from './scheduler-core.js'
import { Scheduler } from './scheduler.js'
import { SessionTable } from './session-table.js'
import { SlotTable } from './slots.js'
import { Standing } from './standing.js'
import { StepTimes } from './step-times.js'
import { Sweeper } from './sweeper.js'

const SAMPLES_PER_MS = 16
/** The last part of YAP_DRAIN_MS_MAX is for stopping what remains. */
const STOP_SHARE = 0.1

export interface WorkerOptions {
  settings: Settings
  /** Name of this run, part of its subjects; its last eight characters are the incarnation. */
  id: Id
  name: string
  device: string
  manifest: ModelManifest
  engine: EngineHost
  link: NatsLink
  telemetry: Telemetry
  stop: StopSequence
  clock: Clock
  log: Logger
}

export interface Worker {
  standing: Standing
  drain: Drain
  /** Port of the gRPC door. */
  grpc: number
}

export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { settings, id: worker, name, device, manifest, engine, link, telemetry, stop, clock, log } = options
  const chunkMs = manifest.lookAheads.map((lookAhead) => lookAhead.chunkMs)
  const cost = new CostModel({ chunkMs, buckets: bucketSizes(engine.batchMax) }, engine.measuredMs)
  const ofDefault = manifest.lookAheads.findIndex((lookAhead) => lookAhead.name === manifest.defaultLookAhead)
  const slotCount = Math.min(
    sessionSlots(settings.YAP_SLOTS, cost.sessionShare(ofDefault)),
    engine.slots - SCRATCH_SLOTS,
  )
  const sessions = new SessionTable(new SlotTable(slotCount), manifest.lookAheads.length)
  const scratch = new SlotTable(SCRATCH_SLOTS, engine.slots - SCRATCH_SLOTS)
  const stepTimes = new StepTimes()
  const drain = new Drain(sessions, clock, log)
  const draining = (): boolean => drain.draining
  const standing = new Standing({
    worker,
    name,
    device,
    manifest,
    sessions,
    cost,
    stepTimes,
    draining,
    clock,
    incarnation: asId(worker.slice(-8)),
    zone: settings.YAP_ZONE,
  })
  const lookAheadNames = manifest.lookAheads.map((lookAhead) => lookAhead.name)
  const metrics = new WorkerMetrics(telemetry.meter, lookAheadNames, () => standing.gauges())

  const core = new SchedulerCore({
    stepMs: settings.ASR_STEP_MS,
    rowsMax: manifest.lookAheads.map((_, lookAhead) => cost.rowsMax(lookAhead)),
  })
  const egress = new Egress(link, metrics)
  const scheduler = stop.own(
    'scheduler',
    new Scheduler({
      core,
      engine,
      sessions,
      scratch,
      cost,
      stepTimes,
      metrics,
      clock,
      log,
      publish: (session, message) => egress.publish(session, message),
    }),
  )
  const limits = {
    tailSamples: settings.ASR_TAIL_MS * SAMPLES_PER_MS,
    // The edge's credit is counted from what was stepped; a chunk in the making and one message come on top.
    pendingSamplesMax: (2 * settings.YAP_REPLAY_WINDOW_MS + 2 * Math.max(...chunkMs)) * SAMPLES_PER_MS,
  }
  const admission = new Admission({ manifest, limits, sessions, scheduler, cost, draining })
  stop.own('ingress', new Ingress({ link, worker, sessions, scheduler, metrics, clock }))
  stop.own(
    'sweeper',
    new Sweeper({
      sessions,
      scheduler,
      clock,
      log,
      connected: () => link.connected,
    }),
  )
  const door = stop.own('grpc', new GrpcDoor(standing, drain, settings.YAP_DRAIN_MS_MAX))
  const grpc = await door.listen(settings.YAP_WORKER_HOST, settings.YAP_WORKER_PORT)
  standing.grpc = `${settings.YAP_WORKER_HOST}:${grpc}`
  stop.own('binds', new Binds({ link, worker, admission, metrics, clock }))
  stop.own('announce', new Announce(link, worker, standing, clock))
  // Owned last, so it comes first: sessions leave before anything that serves them stops.
  stop.onStop('drain', () => drain.begin(settings.YAP_DRAIN_MS_MAX * (1 - STOP_SHARE)))
  return { standing, drain, grpc }
}
