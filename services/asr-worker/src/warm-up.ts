/**
 * Steps every look-ahead at every bucket before anybody waits for it: first steps are slow, and their cost is what
 * admission begins with.
 *
 * Small buckets come first, so that a time limit leaves out the large ones, whose cost can be estimated. A look-ahead whose
 * step takes longer than any step should is not tried in larger buckets: it will never run in them.
 */
import { TurnAudio, type LookAhead, type StepEngine, type StepRow } from '@yap/model'
import { bucketSizes } from './buckets.js'
import { fitsStep, STEP_MS_MAX } from './cost-model.js'

const MEASURED_STEPS = 3
/** A step of this length is measured once: noise is small beside it, and time is short. */
const SLOW_STEP_MS = 20

/** Cost in ms, [look-ahead][bucket]; undefined where there was no time. */
export async function warmUp(
  engine: StepEngine,
  lookAheads: readonly LookAhead[],
  batchMax: number,
  msMax: number,
): Promise<(number | undefined)[][]> {
  const untilMs = performance.now() + msMax
  const measured: (number | undefined)[][] = lookAheads.map(() => [])
  for (const [bucket, size] of bucketSizes(batchMax).entries()) {
    for (const [i, lookAhead] of lookAheads.entries()) {
      const before = measured[i]![bucket - 1]
      const tooLong = bucket > 0 && (before === undefined || before > STEP_MS_MAX)
      const noTime = performance.now() + 4 * (before ?? 0) > untilMs
      if (bucket > 0 && (tooLong || noTime || !fitsStep(lookAhead.chunkMs, size))) continue
      measured[i]![bucket] = await measure(engine, lookAhead, size)
    }
  }
  return measured.map((row) => Array.from({ length: bucketSizes(batchMax).length }, (_, bucket) => row[bucket]))
}

/** The best of what follows a first step, which allocates: other work on the machine makes steps longer, never shorter. */
async function measure(engine: StepEngine, lookAhead: LookAhead, size: number): Promise<number> {
  const rows = noiseRows(lookAhead, size)
  await engine.step(lookAhead, rows)
  let bestMs = Infinity
  for (let i = 0; i < MEASURED_STEPS; i++) {
    const beganMs = performance.now()
    await engine.step(lookAhead, rows)
    bestMs = Math.min(bestMs, performance.now() - beganMs)
    if (bestMs > SLOW_STEP_MS) break
  }
  return bestMs
}

/** Rows that leave no trace: nothing is committed, so slots that nobody used stay untouched memory. */
function noiseRows(lookAhead: LookAhead, size: number): StepRow[] {
  const audio = new TurnAudio(lookAhead)
  const samples = 3 * lookAhead.chunkSamples
  audio.push(Int16Array.from({ length: samples }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 20) - 2048))
  const pcm = new Int16Array(audio.windowSamples)
  audio.take(pcm)
  const window = audio.take(pcm)
  return Array.from({ length: size }, (_, slot) => ({ slot, decoder: 'rnnt', window, pcm, commit: false }))
}
