/** The beginning that every main.ts shares: settings, log, stop sequence, telemetry, readiness, and the supervisor's death. */
import { createRequire } from 'node:module'
import { processId, type Id } from '@yap/protocol'
import { configFromCommandLine } from './config.js'
import { Readiness } from './health.js'
import { createLogger, type Logger } from './log.js'
import { ParentWatch } from './parent-watch.js'
import { ProcessMetrics } from './process-metrics.js'
import type { Settings } from './settings.js'
import { StopSequence } from './stop-sequence.js'
import { startTelemetry, type Telemetry } from './telemetry.js'

export interface ServiceBase {
  readonly settings: Settings
  readonly log: Logger
  readonly stop: StopSequence
  readonly telemetry: Telemetry
  readonly readiness: Readiness
  readonly processMetrics: ProcessMetrics
  /** Given name; the same after a restart. */
  readonly name: string
  /** This run of the process; part of subjects. */
  readonly id: Id
  readonly version: string
  /** Says that the service can be used: one log line, and a message to a supervisor that listens. */
  ready(ports: Readonly<Record<string, number>>, details?: object): void
}

export async function startService(service: 'edge' | 'router' | 'asr-worker'): Promise<ServiceBase> {
  const settings = configFromCommandLine()
  const name = settings.YAP_NAME || service
  const log = await createLogger({ service, name, level: settings.YAP_LOG_LEVEL, pretty: settings.YAP_LOG_PRETTY })
  const stop = new StopSequence(log, { deadlineMs: settings.YAP_DRAIN_MS_MAX })
  stop.listen('SIGTERM', 'SIGINT')
  // A terminal or pipe that goes away is no reason to drop everybody's session.
  for (const signal of ['SIGHUP', 'SIGPIPE', 'SIGUSR1', 'SIGUSR2'] as const)
    process.on(signal, () => log.debug({ signal }, 'signal ignored'))
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an error that nobody expected; this process ends')
    process.exit(70)
  })
  if (settings.YAP_PARENT_PID > 0) {
    const watch = new ParentWatch(settings.YAP_PARENT_PID, () => {
      log.warn('the supervisor is gone; leaving too')
      process.exit(1)
    })
    stop.onStop('parent-watch', () => watch.stop())
  }
  const telemetry = await startTelemetry(service, name)
  stop.own('telemetry', telemetry)
  const processMetrics = new ProcessMetrics(telemetry.meter)
  stop.onStop('process-metrics', () => processMetrics.stop())
  const version = (createRequire(import.meta.url)('../package.json') as { version: string }).version
  return {
    settings,
    log,
    stop,
    telemetry,
    readiness: new Readiness(),
    processMetrics,
    name,
    id: processId(name),
    version,
    ready(ports, details = {}) {
      log.info({ version, node: process.version, ports, ...details }, `${service} ready`)
      process.send?.({ type: 'ready', ports })
    },
  }
}
