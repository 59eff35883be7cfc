/**
 * Look-aheads: how far the encoder may look past a frame, and what follows from it for chunks.
 *
 * A look-ahead of R frames means chunks of R+1 frames of 80 ms. Step k of a turn needs the samples before
 * 1280 (R + k (R+1)) + 200: the last mel frame of its chunk reaches 200 samples past its centre.
 */
import { ModelError } from './model-error.js'

/** One encoder frame: 8 mel frames of 10 ms. */
export const FRAME_SAMPLES = 1280
export const FRAME_MS = 80
export const SAMPLE_RATE_HZ = 16000

export interface LookAhead {
  /** "70,1": left and right context in encoder frames, as clients name it. */
  name: string
  left: number
  right: number
  chunkFrames: number
  chunkMs: number
  firstChunkSamples: number
  chunkSamples: number
}

export function lookAheadOf(left: number, right: number): LookAhead {
  const chunkFrames = right + 1
  return {
    name: `${left},${right}`,
    left,
    right,
    chunkFrames,
    chunkMs: chunkFrames * FRAME_MS,
    firstChunkSamples: FRAME_SAMPLES * right + 200,
    chunkSamples: FRAME_SAMPLES * chunkFrames,
  }
}

/** Names that circulate for 480 and 1040 ms but cannot be: 70 is no multiple of 17 or 34. */
const ALIASES: Readonly<Record<string, string>> = { '70,16': '70,6', '70,33': '70,13' }

/**
 * @param attCtx "70,1"; brackets and spaces are allowed, as model cards write them
 * @throws ModelError `unsupported`, listing what the model has
 */
export function resolveLookAhead(
  model: { lookAheads: readonly LookAhead[]; defaultLookAhead: string },
  attCtx: string,
): { lookAhead: LookAhead; warning?: string } {
  const asked = attCtx.replaceAll(/[[\]\s]/g, '')
  const find = (name: string) => model.lookAheads.find((l) => l.name === name)
  const exact = find(asked)
  if (exact) return { lookAhead: exact }
  const alias = ALIASES[asked]
  const meant = alias === undefined ? undefined : find(alias)
  if (meant) {
    const warning = `att_ctx ${asked} is taken as ${meant.name} (${meant.right * FRAME_MS} ms look-ahead): ${asked} does not divide into whole chunks`
    return { lookAhead: meant, warning }
  }
  const known = model.lookAheads.map((l) => `${l.name} (${l.right * FRAME_MS} ms)`).join(', ')
  throw new ModelError('unsupported', `att_ctx "${attCtx.slice(0, 40)}" is not supported; this model has ${known}`)
}
