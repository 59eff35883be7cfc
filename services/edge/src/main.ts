/**
 * edge: terminates WebSockets, keeps each session's replay audio, publishes chunks, orders and fences what comes back.
 * Run: node dist/main.js            Check settings: node dist/main.js --check-config
 */
import { fileURLToPath } from 'node:url'
import { connectNats, startService, systemClock as clock } from '@yap/runtime'
import { Edge } from './edge.js'
import { StaticFiles } from './static-files.js'

const { settings, log, stop, telemetry, readiness, id, name, version, ready } = await startService('edge')

const files = await StaticFiles.load(fileURLToPath(new URL('../web', import.meta.url)))
const edge = new Edge({ id, version, settings, log, clock, telemetry, readiness, files })
// Before NATS, so that probes see why we are not ready.
const http = await edge.listen()

const nats = await connectNats(
  { url: settings.YAP_NATS_URL, creds: settings.YAP_NATS_CREDS, name },
  log,
  () => stop.stopping,
)
stop.own('nats', nats)
edge.serve(nats)
// Last in, first out: clients leave before anything else goes.
stop.own('edge', edge)

ready({ http })
