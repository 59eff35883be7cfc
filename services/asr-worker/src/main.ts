/**
 * asr-worker: takes sessions from edges over NATS, steps them in batches on one device, publishes their texts.
 * Run: node dist/main.js            Check settings: node dist/main.js --check-config
 * Another engine, for benchmarks and tests: --engine-module=<url of a module with createEngine>
 */
import { connectNats, startService, systemClock as clock } from '@yap/runtime'
import { HttpDoor } from './http-door.js'
import { loadEngine } from './load-engine.js'
import { startWorker, type Worker } from './worker.js'

const { settings, log, stop, telemetry, readiness, id, name, ready } = await startService('asr-worker')

let worker: Worker | undefined
let nats: Awaited<ReturnType<typeof connectNats>> | undefined
readiness.add('model', () => (worker ? undefined : 'loading'))
readiness.add('nats', () => (nats?.connected ? undefined : 'not connected'))
readiness.add('draining', () => (worker?.drain.draining ? 'yes' : undefined))
// Before anything that takes time, so that probes see why we are not ready.
const door = stop.own('http', new HttpDoor(readiness, telemetry, () => worker?.standing.status()))
const http = await door.listen(settings.YAP_WORKER_HOST, settings.YAP_WORKER_HTTP_PORT)

const engineModule = process.argv.find((argument) => argument.startsWith('--engine-module='))?.split('=')[1]
const loading = loadEngine(settings, log, engineModule).catch((error: Error) => {
  log.fatal({ model: settings.ASR_MODEL }, `the model cannot be loaded: ${error.message}`)
  process.exit(1)
})
nats = await connectNats({ url: settings.YAP_NATS_URL, creds: settings.YAP_NATS_CREDS, name }, log, () => stop.stopping)
stop.own('nats', nats)
const { engine, manifest, device } = await loading
stop.own('engine', engine)
engine.onDeath((error) => {
  // Its sessions' state is lost with it. Their edges move them as soon as this process is gone.
  log.fatal({ err: error }, 'the engine died; this worker ends')
  process.exit(70)
})

worker = await startWorker({ settings, id, name, device, manifest, engine, link: nats, telemetry, stop, clock, log })
const { slots } = worker.standing.status()
ready({ grpc: worker.grpc, http }, { model: manifest.name, device, slots })
