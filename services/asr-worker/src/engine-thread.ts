/**
 * The thread that the model runs in. onnxruntime's run() blocks whoever calls it; here it blocks nobody's sockets, pings
 * or heartbeats. Steps come one at a time; anything unexpected ends the thread, and with it the worker.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { TurnAudio, type StepEngine, type StepRow } from '@yap/model'
import {
  windowSamplesMax,
  type CreateEngine,
  type EngineStep,
  type FromThread,
  type ThreadData,
  type ToThread,
} from './engine-messages.js'
import { warmUp } from './warm-up.js'

const port = parentPort!
const data = workerData as ThreadData
const { lookAheads } = data.manifest
const rowBytes = windowSamplesMax(data.manifest) * Int16Array.BYTES_PER_ELEMENT
const windowSamples = lookAheads.map((lookAhead) => new TurnAudio(lookAhead).windowSamples)

const say = (message: FromThread): void => port.postMessage(message)

async function run({ lookAhead, resets, copies, rows }: EngineStep, engine: StepEngine): Promise<void> {
  const beganMs = performance.now()
  for (const slot of resets) engine.reset(slot)
  for (const { from, to } of copies) engine.copy(from, to)
  const stepRows = rows.map((row, i): StepRow => ({
    ...row,
    pcm: new Int16Array(data.pcm, i * rowBytes, windowSamples[lookAhead]!),
  }))
  const results = await engine.step(lookAheads[lookAhead]!, stepRows)
  say({ kind: 'stepped', results, stepMs: performance.now() - beganMs })
}

let starting = true
try {
  const { createEngine } = (await import(data.engineModule)) as { createEngine: CreateEngine }
  const { modelDir, manifest, slots, batchMax, threads, device, extra } = data
  const engine = await createEngine({ modelDir, manifest, slots, batchMax, threads, device, extra })
  const measuredMs = await warmUp(engine, lookAheads, batchMax, data.warmUpMsMax)
  starting = false
  const fail = (error: unknown): void => say({ kind: 'failed', message: lineOf(error), starting: false })
  port.on('message', (message: ToThread) => {
    if (message.kind === 'step') run(message.step, engine).catch(fail)
    else
      engine.close().then(() => {
        say({ kind: 'closed' })
        port.close()
      }, fail)
  })
  say({ kind: 'ready', measuredMs })
} catch (error) {
  say({ kind: 'failed', message: lineOf(error), starting })
}

function lineOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
