/** What every main.ts needs: settings, log, telemetry, health, clock, stop sequence, NATS, and who is alive. */
export { systemClock, type Clock, type Timer } from './clock.js'
export { ConfigError, configDocs, configFromCommandLine, loadConfig } from './config.js'
export { SETTINGS, type SettingName, type Settings } from './settings.js'
export { createLogger, type Logger, type LogOptions } from './log.js'
export { StopSequence, type Stoppable } from './stop-sequence.js'
export { connectNats, NatsLink, type Msg, type NatsConnection, type NatsOptions, type Subscription } from './nats.js'
export {
  startTelemetry,
  Telemetry,
  type Attributes,
  type Counter,
  type Gauge,
  type Histogram,
  type Meter,
  type Tracer,
} from './telemetry.js'
export { ProcessMetrics } from './process-metrics.js'
export { closeServer, HealthServer, listen, Readiness, serveHealth } from './health.js'
export { ParentWatch } from './parent-watch.js'
export { WorkerLife, WorkerTable, type KnownWorker, type WorkerChange } from './worker-table.js'
export { WorkerWatch } from './worker-watch.js'
export { startService, type ServiceBase } from './service.js'
