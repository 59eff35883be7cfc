/**
 * A session's audio, cut into turns: the one that is being stepped comes first, the one that receives comes last.
 *
 *   offsets   ──[ turn 4 ........ end F ][ turn 5 ..... end G ][ turn 6 ... ──> received
 *                current: being stepped    ended, waits           receiving
 *
 * Mostly they are one and the same. A turn that has an end takes no more audio; what follows belongs to the next one.
 * The tail of silence is added, and the turn's audio ended, only when all whole chunks of real audio were taken: so
 * `audio.ended` tells steps that silence helped to fill from those that are the same whenever the end became known.
 */
import { FRAME_SAMPLES, TurnAudio, type LookAhead } from '@yap/model'
import assert from 'node:assert/strict'

export interface TurnEnd {
  /** Session offset after the turn's last sample. */
  readonly at: number
  readonly cause: 'finalize' | 'close'
}

export interface Turn {
  /** Session offset of the turn's first sample; may lie ahead of what was received, after an endpoint. */
  readonly start: number
  readonly audio: TurnAudio
  end: TurnEnd | undefined
}

export class TurnQueue {
  readonly #lookAhead: LookAhead
  readonly #tailSamples: number
  /** At least one. All but the last have an end; the last has one only after `close`. */
  #turns: Turn[]
  #currentNumber: number
  #received: number

  /** @param turn number of the first turn, which starts at session offset `start` */
  constructor(lookAhead: LookAhead, tailSamples: number, turn: number, start: number) {
    this.#lookAhead = lookAhead
    this.#tailSamples = tailSamples
    this.#currentNumber = turn
    this.#received = start
    this.#turns = [this.#newTurn(start)]
  }

  /** Every sample before this offset has arrived. */
  get received(): number {
    return this.#received
  }

  get current(): Turn {
    return this.#turns[0]!
  }

  get currentNumber(): number {
    return this.#currentNumber
  }

  get receiving(): Turn {
    return this.#turns[this.#turns.length - 1]!
  }

  get receivingNumber(): number {
    return this.#currentNumber + this.#turns.length - 1
  }

  /** Close was taken: nothing more is received. */
  get closed(): boolean {
    return this.receiving.end !== undefined
  }

  /** Appends the samples from `offset` on; what is there is skipped. False: there is a gap before them, nothing was taken. */
  push(offset: number, pcm: Int16Array): boolean {
    if (offset > this.#received) return false
    const end = offset + pcm.length
    const from = Math.max(this.#received, this.receiving.start)
    if (end > from) this.receiving.audio.push(pcm.subarray(from - offset))
    this.#received = Math.max(this.#received, end)
    return true
  }

  /** Ends the turn that receives where it is; after `finalize` the next one receives. */
  end(cause: TurnEnd['cause']): void {
    const turn = this.receiving
    assert(!turn.end, 'a turn ended twice. This is a bug.')
    // After an endpoint the turn may start ahead of the audio: it then ends, empty, where it starts.
    turn.end = { at: Math.max(this.#received, turn.start), cause }
    if (cause === 'finalize') this.#turns.push(this.#newTurn(turn.end.at))
  }

  /**
   * Close, where the turn that receives is empty and the one before it answers the close. False: that one is over
   * already, and nothing is left to do.
   */
  closeEmpty(): boolean {
    if (this.#turns.length === 1) return false
    this.#turns.pop()
    this.receiving.end = { at: this.receiving.end!.at, cause: 'close' }
    return true
  }

  /** A step of the current turn can be taken. Adds the tail of silence when the turn has an end and needs it. */
  ready(): boolean {
    const { audio, end } = this.current
    if (audio.ready) return true
    if (!end) return false
    if (!audio.ended) endWithSilence(audio, this.#tailSamples)
    return audio.ready
  }

  /** More than one step of real audio, or an end, is waiting: there is something to hurry for. */
  get pressing(): boolean {
    const { audio, end } = this.current
    return end !== undefined || audio.receivedSamples >= audio.readyAtSamples + this.#lookAhead.chunkSamples
  }

  /** The current turn is over; the next one becomes current. False after `close`: there is none. */
  advance(): boolean {
    const { end } = this.current
    assert(end, 'only a turn with an end can be over. This is a bug.')
    if (end.cause === 'close') return false
    this.#turns.shift()
    this.#currentNumber++
    return true
  }

  /**
   * Ends the current turn after the frames that it has stepped; the next one starts there and gets the audio that follows.
   * An end (finalize, close) that lies before that point is answered by this one. False after such a `close`.
   */
  endpoint(): boolean {
    const { start, audio, end } = this.current
    assert(!audio.ended, 'an endpoint in the tail of a turn. This is a bug.')
    const cut = start + FRAME_SAMPLES * audio.steppedFrames
    if (!end || end.at > cut) {
      this.#turns[0] = this.#cutBefore(this.current, cut)
    } else {
      if (end.cause === 'close') return false
      this.#turns.shift()
      this.#turns = this.#turns.map((turn) => (turn.start < cut ? this.#cutBefore(turn, cut) : turn))
    }
    this.#currentNumber++
    return true
  }

  #newTurn(start: number): Turn {
    return { start, audio: new TurnAudio(this.#lookAhead), end: undefined }
  }

  /** `turn` without its samples before offset `cut`. */
  #cutBefore(turn: Turn, cut: number): Turn {
    const rest = this.#newTurn(cut)
    rest.audio.push(samplesFrom(turn.audio, cut - turn.start))
    if (turn.end) rest.end = { ...turn.end, at: Math.max(turn.end.at, cut) }
    return rest
  }
}

/** Ends `audio` as the end of a turn does: with `tailSamples` of silence, unless there is nothing that it could follow. */
export function endWithSilence(audio: TurnAudio, tailSamples: number): void {
  if (audio.receivedSamples > 0) audio.push(new Int16Array(tailSamples))
  audio.end()
}

/**
 * The samples of a turn from `first` on, which must not lie before its next chunk. The turn's audio keeps no more than
 * its windows need, so they are read out of the windows of a copy.
 */
function samplesFrom(audio: TurnAudio, first: number): Int16Array {
  const count = Math.max(0, audio.receivedSamples - first)
  const samples = new Int16Array(count)
  const copy = audio.fork()
  copy.push(new Int16Array(copy.windowSamples))
  const window = new Int16Array(copy.windowSamples)
  for (let filled = 0; filled < count;) {
    const windowStart = copy.readyAtSamples - copy.windowSamples
    copy.take(window)
    const from = Math.max(first + filled - windowStart, 0)
    const part = window.subarray(from, Math.min(window.length, from + count - filled))
    samples.set(part, filled)
    filled += part.length
  }
  return samples
}
