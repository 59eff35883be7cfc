/**
 * The words of a speaker who paused in the middle of a chunk: the incomplete tail is stepped on a copy of the state, with
 * silence after it, as if the turn ended here. The turn itself goes on unchanged, so its text never depends on pauses.
 *
 *   want(offset) ──> prepare(): whole chunks come first, then a copy is cut ──> take() ──> heard() ──> a result to show
 *
 * One step on the slot's own state, uncommitted, does it as a rule. Where tail and silence make a whole chunk and some
 * more, two steps are needed, and these run in another slot, on a copy.
 */
import type { StepRowResult, StepWindow, Transcript, TurnAudio } from '@yap/model'
import { endWithSilence, type Turn } from './turn-queue.js'

interface Job {
  readonly audio: TurnAudio
  readonly transcript: Transcript
  readonly end: number
  readonly steps: 'one' | 'more'
  taken: number
}

export class IdleFlush {
  readonly #tailSamples: number
  /** Where the speaker paused; undefined when nothing waits to be prepared. */
  #wantedAt: number | undefined
  /** Up to here a pause was shown already. */
  #preparedAt: number
  #job: Job | undefined

  constructor(tailSamples: number, start: number) {
    this.#tailSamples = tailSamples
    this.#preparedAt = start
  }

  /** A step of the copy waits to be taken. */
  get due(): boolean {
    return this.#job !== undefined
  }

  /** It needs a slot for its copy. */
  get wantsScratch(): boolean {
    return this.#job?.steps === 'more'
  }

  /** Audio stopped at session offset `end`. Asking again for the same pause changes nothing. */
  want(end: number): void {
    if (end > this.#preparedAt) this.#wantedAt = end
  }

  /** The turn moved on: what was copied is out of date. */
  drop(): void {
    this.#job = undefined
  }

  /** The turn ended: its final says all. */
  cancel(): void {
    this.#job = undefined
    this.#wantedAt = undefined
  }

  /** Copies the tail of `turn` if that is wanted and due: no step is running and no whole chunk is left. */
  prepare(turn: Turn, received: number, transcript: Transcript): void {
    if (this.#wantedAt === undefined) return
    const end = this.#wantedAt
    if (turn.end || received !== end || turn.start >= end) {
      this.#wantedAt = undefined
      return
    }
    if (turn.audio.ready) return
    this.#wantedAt = undefined
    this.#preparedAt = end
    const audio = turn.audio.fork()
    endWithSilence(audio, this.#tailSamples)
    if (!audio.ready) return
    const steps = audio.receivedSamples >= audio.readyAtSamples ? 'more' : 'one'
    this.#job = { audio, transcript: transcript.fork(), end, steps, taken: 0 }
  }

  take(out: Int16Array): { window: StepWindow; where: 'copy' | 'scratch-first' | 'scratch' } {
    const job = this.#job!
    const window = job.audio.take(out)
    job.taken++
    const scratch = job.taken === 1 ? 'scratch-first' : 'scratch'
    return { window, where: job.steps === 'one' ? 'copy' : scratch }
  }

  /** Text of the turn and its tail, once the copy has been stepped to its end. */
  heard(result: StepRowResult): { transcript: Transcript; end: number } | undefined {
    const job = this.#job
    if (!job) return undefined
    job.transcript.append(result)
    if (job.audio.ready) return undefined
    this.#job = undefined
    return job
  }
}
