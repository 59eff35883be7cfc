/** A worker in this process, on a real nats-server, with the fake engine or a real model behind it. */
import { loadEngine, startWorker, type EngineHost, type Worker } from '@yap/asr-worker'
import { processId, type Id } from '@yap/protocol'
import {
  connectNats,
  createLogger,
  loadConfig,
  startTelemetry,
  StopSequence,
  systemClock,
  type Logger,
  type NatsLink,
  type Settings,
} from '@yap/runtime'

export const fakeEngineModule = new URL('./fake-engine.js', import.meta.url).href

export interface WorkerRigOptions {
  natsUrl: string
  name?: string
  /** A model directory or .nemo; none: the fake engine. */
  model?: string
  settings?: Readonly<Record<string, string>>
}

export class WorkerRig {
  readonly id: Id
  readonly worker: Worker
  readonly engine: EngineHost
  readonly link: NatsLink
  readonly #stop: StopSequence

  private constructor(id: Id, worker: Worker, engine: EngineHost, link: NatsLink, stop: StopSequence) {
    this.id = id
    this.worker = worker
    this.engine = engine
    this.link = link
    this.#stop = stop
  }

  static async start(options: WorkerRigOptions): Promise<WorkerRig> {
    const name = options.name ?? 'asr-worker'
    const settings = loadConfig({ YAP_NATS_URL: options.natsUrl, ASR_MODEL: options.model, ...options.settings })
    const log = await createLogger({ service: 'asr-worker', name, level: 'silent', pretty: false })
    const stop = new StopSequence(log, { deadlineMs: 10_000, exit: () => undefined })
    try {
      return await WorkerRig.#start(options, name, settings, log, stop)
    } catch (error) {
      await stop.stop('a start that failed')
      throw error
    }
  }

  static async #start(
    options: WorkerRigOptions,
    name: string,
    settings: Settings,
    log: Logger,
    stop: StopSequence,
  ): Promise<WorkerRig> {
    const telemetry = stop.own('telemetry', await startTelemetry('asr-worker', name))
    const link = stop.own('nats', await connectNats({ url: settings.YAP_NATS_URL, creds: '', name }, log))
    const { engine, manifest, device } = await loadEngine(settings, log, options.model ? undefined : fakeEngineModule)
    stop.own('engine', engine)
    const id = processId(name)
    const parts = { settings, id, name, device, manifest, engine, link, telemetry, stop, log }
    const worker = await startWorker({ ...parts, clock: systemClock })
    // Edges learn of a worker by its heartbeats, which follow its subscriptions; a test that knows its name must wait for these.
    await link.connection.flush()
    return new WorkerRig(id, worker, engine, link, stop)
  }

  /** Drains, then stops all parts. */
  stop(): Promise<void> {
    return this.#stop.stop('end of the test')
  }
}
