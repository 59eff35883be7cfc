/** CPU and wall time of engine steps at one look-ahead and batch size, audio that never ends. */
import { TurnAudio, type Decoder, type LookAhead, type StepEngine } from '@yap/model'

export interface StepCost {
  attCtx: string
  decoder: Decoder
  streams: number
  /** Process-CPU seconds per second of audio over all streams: 1 / it is the live streams that a core could hold. */
  cpuRtf: number
  /** Wall seconds likewise. */
  rtf: number
  tokensPerFrame: number
}

const WARM_UP_STEPS = 2

/** @param audio 16 kHz mono, played in a circle, each stream from another place */
export async function measureSteps(
  engine: StepEngine,
  lookAhead: LookAhead,
  decoder: Decoder,
  streams: number,
  steps: number,
  audio: Int16Array,
): Promise<StepCost> {
  const turns = Array.from({ length: streams }, () => new TurnAudio(lookAhead))
  const places = turns.map((_, i) => Math.floor((i * audio.length) / streams))
  turns.forEach((_, slot) => engine.reset(slot))
  const cpuMs: number[] = []
  const wallMs: number[] = []
  let tokens = 0
  for (let k = 0; k < WARM_UP_STEPS + steps; k++) {
    const rows = turns.map((turn, slot) => {
      while (!turn.ready) places[slot] = feed(turn, audio, places[slot]!)
      const pcm = new Int16Array(turn.windowSamples)
      return { slot, decoder, pcm, window: turn.take(pcm), commit: true }
    })
    const cpuBefore = process.cpuUsage()
    const before = performance.now()
    const results = await engine.step(lookAhead, rows)
    if (k < WARM_UP_STEPS) continue
    wallMs.push(performance.now() - before)
    const { user, system } = process.cpuUsage(cpuBefore)
    cpuMs.push((user + system) / 1000)
    tokens += results.reduce((sum, r) => sum + r.tokens.length, 0)
  }
  const audioMs = lookAhead.chunkMs * streams
  return {
    attCtx: lookAhead.name,
    decoder,
    streams,
    cpuRtf: median(cpuMs) / audioMs,
    rtf: median(wallMs) / audioMs,
    tokensPerFrame: tokens / (steps * streams * lookAhead.chunkFrames),
  }
}

function feed(turn: TurnAudio, audio: Int16Array, place: number): number {
  const end = Math.min(place + turn.lookAhead.chunkSamples, audio.length)
  turn.push(audio.subarray(place, end))
  return end === audio.length ? 0 : end
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
