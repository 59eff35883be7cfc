/** From settings to a warm engine: which model, how many threads and slots. */
import { loadManifest, resolveModel, type ModelManifest } from '@yap/model'
import type { Logger, Settings } from '@yap/runtime'
import { SCRATCH_SLOTS, SLOTS_ALLOCATED, stepThreads } from './capacity.js'
import { EngineHost } from './engine-host.js'

/** `npm start` promises to be ready in ten seconds; larger models estimate what they had no time to measure. */
const WARM_UP_MS_MAX = 3_000

export interface LoadedEngine {
  engine: EngineHost
  manifest: ModelManifest
  device: string
}

/** @param engineModule URL of another engine's module, for benchmarks and tests; it may bring a manifest of its own */
export async function loadEngine(settings: Settings, log: Logger, engineModule?: string): Promise<LoadedEngine> {
  const beganMs = performance.now()
  const other = engineModule ? ((await import(engineModule)) as { manifest?: () => ModelManifest }) : undefined
  const modelDir = other?.manifest ? '' : await resolveModel(settings.ASR_MODEL)
  const manifest = other?.manifest?.() ?? (await loadManifest(modelDir))
  const threads = stepThreads(settings.ASR_THREADS)
  const slots = (settings.YAP_SLOTS || SLOTS_ALLOCATED) + SCRATCH_SLOTS
  const engine = await EngineHost.start({
    modelDir,
    manifest,
    slots,
    threads,
    engineModule,
    batchMax: Math.min(settings.ASR_MAX_BATCH, slots - SCRATCH_SLOTS),
    device: settings.ASR_DEVICE,
    warmUpMsMax: WARM_UP_MS_MAX,
  })
  const tookMs = Math.round(performance.now() - beganMs)
  log.info({ model: manifest.name, hash: manifest.hash.slice(0, 12), threads, tookMs }, 'model loaded and warm')
  return { engine, manifest, device: settings.ASR_DEVICE === 'auto' ? 'cpu' : settings.ASR_DEVICE }
}
