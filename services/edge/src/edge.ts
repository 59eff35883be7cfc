/** The parts of an edge put together: doors, connections, sessions, and how they stop. */
import { LIMITS, type Id } from '@yap/protocol'
import type { Clock, Logger, NatsLink, Readiness, Settings, Telemetry, Timer } from '@yap/runtime'
import { WorkerWatch } from '@yap/runtime'
import type { WebSocket } from 'ws'
import { ClientConnection, type ConnectionContext } from './client-connection.js'
import { HttpDoor } from './http-door.js'
import { EdgeMetrics } from './metrics.js'
import { ResumeTokens } from './resume-token.js'
import { RouterPool } from './router-client.js'
import { serviceInfo } from './service-info.js'
import { SessionTable } from './session-table.js'
import type { StaticFiles } from './static-files.js'

/** Deadlines of sockets are in seconds; looking four times a second is enough. */
const CONNECTION_TICK_MS = 250
/** Of the time to stop, what is kept for everything after the sessions. */
const STOP_RESERVE_MS = 1_500

export interface EdgeParts {
  readonly id: Id
  readonly version: string
  readonly settings: Settings
  readonly log: Logger
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly readiness: Readiness
  readonly files: StaticFiles
}

export class Edge {
  readonly #parts: EdgeParts
  readonly #door: HttpDoor
  readonly #connections = new Set<ClientConnection>()
  readonly #metrics: EdgeMetrics
  readonly #tokens: ResumeTokens
  #live: { workers: WorkerWatch; routers: RouterPool; sessions: SessionTable; timer: Timer } | undefined
  #link: NatsLink | undefined
  #draining = false
  #sawWorker = false

  constructor(parts: EdgeParts) {
    this.#parts = parts
    const { settings, log, readiness, telemetry, files } = parts
    this.#tokens = new ResumeTokens(
      settings.YAP_RESUME_SECRET,
      settings.YAP_SESSION_MS_MAX + settings.YAP_RESUME_GRACE_MS,
    )
    this.#metrics = new EdgeMetrics(telemetry.meter, {
      sessions: () => this.#live?.sessions.size ?? 0,
      connections: () => this.#connections.size,
      waitingMs: () => this.#live?.sessions.waitingMs() ?? 0,
    })
    readiness.add('nats', () => (this.#link?.connected ? undefined : 'not connected'))
    readiness.add('router', () => (this.#live?.routers.connected ? undefined : 'none answers'))
    // Once only: a fleet that comes up is waited for, a fleet that went away is told of in words (`capacity`).
    readiness.add('worker', () => (this.#hasSeenWorker() ? undefined : 'none was seen yet'))
    readiness.add('draining', () => (this.#draining ? 'yes' : undefined))
    this.#door = new HttpDoor({
      log,
      readiness,
      telemetry,
      files,
      sessionsMax: settings.YAP_SESSIONS_MAX,
      origin: { host: settings.ASR_HOST, allowed: settings.YAP_ORIGINS },
      info: () => this.#info(),
      refusal: () => this.#refusal(),
      connected: (socket) => this.#connected(socket),
    })
  }

  #hasSeenWorker(): boolean {
    this.#sawWorker ||= (this.#live?.workers.table.all().length ?? 0) > 0
    return this.#sawWorker
  }

  /** Opens the port. Clients are refused until `serve`; probes are answered at once. */
  listen(): Promise<number> {
    return this.#door.listen(this.#parts.settings.ASR_HOST, this.#parts.settings.ASR_PORT)
  }

  /** NATS is there: takes clients from now on. */
  serve(link: NatsLink): void {
    const { id, settings, log, clock } = this.#parts
    this.#link = link
    const workers = new WorkerWatch(link, log, clock)
    const routers = new RouterPool(settings.YAP_ROUTER, id, log, clock)
    const sessions = new SessionTable({
      edge: id,
      settings,
      log,
      clock,
      link,
      routers,
      workers,
      metrics: this.#metrics,
      tracer: this.#parts.telemetry.tracer,
    })
    const timer = clock.setInterval(() => this.#tick(), CONNECTION_TICK_MS)
    this.#live = { workers, routers, sessions, timer }
  }

  /** Lets every session end its turn, then leaves. */
  async stop(): Promise<void> {
    this.#draining = true
    const { YAP_DRAIN_MS_MAX } = this.#parts.settings
    await this.#live?.sessions.drain(Math.max(YAP_DRAIN_MS_MAX - STOP_RESERVE_MS, YAP_DRAIN_MS_MAX / 2))
    for (const connection of this.#connections)
      connection.fail('draining', 'this server is going away; please connect again')
    await this.#socketsClosed()
    this.#live?.timer.cancel()
    this.#live?.sessions.stop()
    this.#live?.routers.stop()
    this.#live?.workers.stop()
    await this.#door.stop()
  }

  /** Close frames are on their way; clients that do not answer them are not waited for. */
  async #socketsClosed(): Promise<void> {
    const { clock } = this.#parts
    const giveUpAtMs = clock.now() + STOP_RESERVE_MS / 2
    while (this.#connections.size > 0 && clock.now() < giveUpAtMs)
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 20))
  }

  #info(): object {
    const { settings, version } = this.#parts
    return this.#live ? serviceInfo(this.#live.workers.table, settings, version) : { version, model: null }
  }

  #refusal(): { status: 429 | 503; message: string } | undefined {
    if (this.#draining) return { status: 503, message: 'this server is going away' }
    if (!this.#live) return { status: 503, message: 'this server is not ready' }
    const { YAP_SESSIONS_MAX } = this.#parts.settings
    if (this.#connections.size >= YAP_SESSIONS_MAX)
      return { status: 429, message: `all ${YAP_SESSIONS_MAX} sessions are taken` }
    return undefined
  }

  #connected(socket: WebSocket): void {
    const { settings, log, clock } = this.#parts
    const context: ConnectionContext = {
      settings,
      log,
      clock,
      metrics: this.#metrics,
      tokens: this.#tokens,
      lookAheads: () => this.#live!.workers.table.all()[0]?.beat.model.lookAheads ?? [],
      open: (connection, options) => this.#live!.sessions.open(connection, options),
      closed: (connection) => this.#connections.delete(connection),
    }
    this.#connections.add(new ClientConnection(socket, context))
  }

  #tick(): void {
    const now = this.#parts.clock.now()
    for (const connection of this.#connections) connection.tick(now)
  }
}

/** How soon a dead client is noticed at the latest. */
export const deadClientMsMax = LIMITS.clientPingMs * (LIMITS.clientPingsMissedMax + 1) + CONNECTION_TICK_MS
