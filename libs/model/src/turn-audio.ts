/**
 * One turn's audio, cut into the windows that encoder steps take.
 *
 * Step k covers the mel frames 8(kC-1)+1 .. 8((k+1)C-1), C being the chunk's frames; the first step's window begins
 * seven frames before the turn, which the graph masks (`lead`), so that every step of a look-ahead has one shape:
 *
 *   window k:  samples 1280(kC-1)-41 .. 1280((k+1)C-1)+199     1280 C + 241 samples
 *              |241 of history| 1280 C new ...              |
 *
 * A step is ready when its whole window is there. At the end of a turn NeMo's rules hold: n samples give
 * floor(n/160) mel frames and one more that is exactly zero; a last chunk with fewer than eight new frames is dropped,
 * unless it is the first. (NeMo: CacheAwareStreamingAudioBuffer, FilterbankFeatures.)
 *
 * What comes out depends on the samples alone, never on how they were pushed.
 */
import { FRAME_SAMPLES, type LookAhead } from './look-ahead.js'

const HOP_SAMPLES = 160
const MEL_FRAMES_PER_FRAME = 8
/** Mel frames of the first window that lie before the turn. */
const LEAD_FRAMES = 7
/** Samples of a window before those that its step is the first to use: pre-emphasis (1), half a window (200), alignment. */
const HISTORY_SAMPLES = 241
/** From the border of a chunk to the first sample of the next one's window. */
const WINDOW_OFFSET_SAMPLES = -41

/** What the graph must know about one row's window; mel frames are counted in the window. */
export interface StepWindow {
  /** Mel frames before the turn's start: 7 in the first step, else 0. */
  lead: number
  /** Samples of the window that are there; the rest lies past the turn's end. */
  samples: number
  /** Mel frames up to here are computed; the next is NeMo's zero frame. */
  realFrames: number
  /** Mel frames that count, lead and zero frame among them. */
  frames: number
  /** Encoder frames that the step yields. */
  outputs: number
}

export class TurnAudio {
  readonly lookAhead: LookAhead
  /** Samples from #start on; before the turn's start there is silence. */
  #samples: Int16Array
  #length = 0
  /** Index, in the turn, of #samples[0]. */
  #start: number
  #received = 0
  #step = 0
  #ended = false
  #steppedFrames = 0

  constructor(lookAhead: LookAhead) {
    this.lookAhead = lookAhead
    this.#start = this.#windowStart()
    this.#samples = new Int16Array(this.windowSamples * 2)
    this.#length = -this.#start // silence before the turn
  }

  /** Samples of one window; the same for every step of this look-ahead. */
  get windowSamples(): number {
    return this.lookAhead.chunkSamples + HISTORY_SAMPLES
  }

  get receivedSamples(): number {
    return this.#received
  }

  /** Encoder frames that the steps taken so far yield. */
  get steppedFrames(): number {
    return this.#steppedFrames
  }

  get steps(): number {
    return this.#step
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Samples from the turn's start that the next step needs, if the turn goes on. */
  get readyAtSamples(): number {
    return this.#windowStart() + this.windowSamples
  }

  /** A step can be taken now. */
  get ready(): boolean {
    if (this.#received >= this.readyAtSamples) return true
    return this.#ended && this.#endingFrames() !== undefined
  }

  /** @param pcm 16 kHz mono */
  push(pcm: Int16Array): void {
    if (this.#ended) throw new Error('push() after end(). This is a bug.')
    this.#reserve(pcm.length)
    this.#samples.set(pcm, this.#length)
    this.#length += pcm.length
    this.#received += pcm.length
  }

  /** No more audio in this turn: a short last chunk becomes ready, where there is one. */
  end(): void {
    this.#ended = true
  }

  /** Writes the next window into `out` (windowSamples long) and moves on. */
  take(out: Int16Array): StepWindow {
    const window = this.#describe()
    const start = this.#windowStart() - this.#start
    const present = Math.min(this.#length - start, this.windowSamples)
    out.set(this.#samples.subarray(start, start + present))
    out.fill(0, present, this.windowSamples)
    this.#step += 1
    this.#steppedFrames += window.outputs
    return window
  }

  /** An independent copy, for a step that the turn itself does not take. */
  fork(): TurnAudio {
    const copy = new TurnAudio(this.lookAhead)
    copy.#samples = this.#samples.slice()
    copy.#length = this.#length
    copy.#start = this.#start
    copy.#received = this.#received
    copy.#step = this.#step
    copy.#ended = this.#ended
    copy.#steppedFrames = this.#steppedFrames
    return copy
  }

  #windowStart(): number {
    return FRAME_SAMPLES * (this.#step * this.lookAhead.chunkFrames - 1) + WINDOW_OFFSET_SAMPLES
  }

  /** Mel frame, in the turn, of the window's first new frame. */
  #firstMelFrame(): number {
    return MEL_FRAMES_PER_FRAME * (this.#step * this.lookAhead.chunkFrames - 1) + 1
  }

  /** Mel frames of the window when the turn ends here; undefined where NeMo drops them. */
  #endingFrames(): number | undefined {
    const melFrames = 1 + Math.floor(this.#received / HOP_SAMPLES)
    const frames = melFrames - this.#firstMelFrame()
    if (this.#step === 0) return this.#received > 0 ? frames : undefined
    return frames >= MEL_FRAMES_PER_FRAME ? frames : undefined
  }

  #describe(): StepWindow {
    const whole = MEL_FRAMES_PER_FRAME * this.lookAhead.chunkFrames
    const lead = this.#step === 0 ? LEAD_FRAMES : 0
    if (this.#received >= this.readyAtSamples) {
      return {
        lead,
        samples: this.windowSamples,
        realFrames: whole,
        frames: whole,
        outputs: this.lookAhead.chunkFrames,
      }
    }
    const ending = this.#ended ? this.#endingFrames() : undefined
    if (ending === undefined) throw new Error('take() without a ready step. This is a bug.')
    const frames = Math.min(ending, whole)
    return {
      lead,
      samples: Math.max(0, Math.min(this.#received - this.#windowStart(), this.windowSamples)),
      realFrames: Math.min(Math.floor(this.#received / HOP_SAMPLES) - this.#firstMelFrame(), whole),
      frames,
      outputs: Math.ceil(frames / MEL_FRAMES_PER_FRAME),
    }
  }

  /** Makes room for `more` samples: what no window needs any more goes, and the rest moves to the front. */
  #reserve(more: number): void {
    if (this.#length + more <= this.#samples.length) return
    const unused = this.#windowStart() - this.#start
    const needed = this.#length - unused + more
    const target =
      needed <= this.#samples.length ? this.#samples : new Int16Array(Math.max(needed, this.#samples.length * 2))
    target.set(this.#samples.subarray(unused, this.#length))
    this.#samples = target
    this.#length -= unused
    this.#start += unused
  }
}
