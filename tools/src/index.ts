/** What tests and bin/ use of the tools; the commands themselves are reached through `yap`. */
export { extractFile } from './nats/archive.js'
export { compareVersions, ensureNatsServer, NatsServerMissingError, type FoundNatsServer } from './nats/ensure.js'
export { freePort } from './nats/free-port.js'
export { natsAnswers } from './nats/probe.js'
export { writeNatsServerConfig, type NatsServerConfig } from './nats/server-config.js'
export { type Fetched, type Source as NatsSource } from './nats/sources.js'
