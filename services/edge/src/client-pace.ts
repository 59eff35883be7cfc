/** The client's side of time: whether its socket is read, and whether it has been silent or here for too long. */
import { SAMPLE_RATE_HZ, type ErrorCode } from '@yap/protocol'

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000
/** Never less than this may wait, or a single chunk of the largest look-ahead would stop the socket. */
const WAITING_MS_MIN = 3_000

export interface PaceLimits {
  readonly windowMs: number
  readonly sessionMsMax: number
  readonly idleMsMax: number
}

export class ClientPace {
  readonly #limits: PaceLimits
  readonly #startedAtMs: number
  #heardAtMs: number
  #reading = true

  constructor(limits: PaceLimits, nowMs: number) {
    this.#limits = limits
    this.#startedAtMs = nowMs
    this.#heardAtMs = nowMs
  }

  heard(nowMs: number): void {
    this.#heardAtMs = nowMs
  }

  /**
   * A client that is faster than the workers is paced by TCP: its socket is not read while too much waits. Returns whether to
   * read, when that changes.
   */
  flow(waitingSamples: number, nowMs: number): boolean | undefined {
    const high = Math.max(this.#limits.windowMs, WAITING_MS_MIN) * SAMPLES_PER_MS
    const read = this.#reading ? waitingSamples <= high : waitingSamples <= high / 2
    if (read === this.#reading) return undefined
    this.#reading = read
    // While nobody read its socket, the client could not be called silent.
    if (read) this.#heardAtMs = nowMs
    return read
  }

  /** `ending`: the client has said its last and waits. */
  overdue(ending: boolean, nowMs: number): { code: ErrorCode; message: string } | undefined {
    const { sessionMsMax, idleMsMax } = this.#limits
    if (nowMs - this.#startedAtMs > sessionMsMax)
      return { code: 'session_too_long', message: `the session is longer than ${sessionMsMax} ms` }
    if (this.#reading && !ending && nowMs - this.#heardAtMs > idleMsMax)
      return { code: 'idle_timeout', message: `nothing was heard for ${idleMsMax} ms` }
    return undefined
  }
}
