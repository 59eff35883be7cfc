/** `GET /v1/info`: what this service offers, as its workers say. For the web page and for people who look around. */
import { chunkMs, ENCODINGS, FRAME_MS, LIMITS, parseLookAhead } from '@yap/protocol'
import type { Settings, WorkerTable } from '@yap/runtime'

export interface ServiceInfo {
  version: string
  /** null: no worker is up. */
  model: { name: string; description: string; knows: string; licence: string; hint: string } | null
  models: string[]
  look_aheads: { name: string; latency_ms: number; chunk_ms: number }[]
  default_att_ctx: string
  decoders: string[]
  default_decoder: string
  encodings: readonly string[]
  sample_rates_hz: { min: number; max: number }
  workers: number
  device: string
}

export function serviceInfo(table: WorkerTable, settings: Settings, version: string): ServiceInfo {
  const workers = table.all()
  const beat = workers[0]?.beat
  const model = beat?.model
  const asked = parseLookAhead(settings.ASR_ATT_CTX)?.name ?? ''
  return {
    version,
    model: model
      ? { name: model.name, description: model.description, knows: model.knows, licence: model.licence, hint: '' }
      : null,
    models: [...new Set(workers.map((w) => w.beat.model.name))],
    look_aheads: (model?.lookAheads ?? []).map((name) => {
      const right = parseLookAhead(name)?.right ?? 0
      return { name, latency_ms: right * FRAME_MS, chunk_ms: chunkMs(right) }
    }),
    default_att_ctx: model?.lookAheads.includes(asked) ? asked : (model?.defaultLookAhead ?? asked),
    decoders: model?.decoders ?? [],
    default_decoder: settings.ASR_DECODER,
    encodings: ENCODINGS,
    sample_rates_hz: { min: LIMITS.sampleRateHzMin, max: LIMITS.sampleRateHzMax },
    workers: workers.length,
    device: beat?.device ?? '',
  }
}
