/**
 * router: answers one question, which worker? It keeps nothing that it cannot rebuild from heartbeats; run as many as you like.
 * Run: node dist/main.js            Check settings: node dist/main.js --check-config
 */
import { connectNats, HealthServer, startService, WorkerWatch } from '@yap/runtime'
import { Directory } from './directory.js'
import { RouterDoor } from './grpc-server.js'
import { RouterMetrics } from './metrics.js'

const { settings, log, stop, telemetry, readiness, id, name, ready } = await startService('router')

let nats: Awaited<ReturnType<typeof connectNats>> | undefined
readiness.add('nats', () => (nats?.connected ? undefined : 'not connected'))
readiness.add('stopping', () => (stop.stopping ? 'yes' : undefined))
const { YAP_ROUTER_HOST: host, YAP_ROUTER_PORT, YAP_ROUTER_HTTP_PORT } = settings
// Before NATS, so that probes see why we are not ready.
const health = stop.own('health', await HealthServer.start({ host, port: YAP_ROUTER_HTTP_PORT, readiness, telemetry }))

nats = await connectNats({ url: settings.YAP_NATS_URL, creds: settings.YAP_NATS_CREDS, name }, log, () => stop.stopping)
stop.own('nats', nats)
const watch = stop.own('worker-watch', new WorkerWatch(nats, log))
const directory = stop.own('directory', new Directory(nats, log, { ttlMs: settings.YAP_SESSION_MS_MAX }))
const metrics = new RouterMetrics(telemetry.meter, watch)
const door = stop.own('grpc', new RouterDoor({ id, watch, directory, metrics }))
const grpc = await door.listen(host, YAP_ROUTER_PORT)

ready({ grpc, http: health.port })
