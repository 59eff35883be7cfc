/**
 * What one client is told, under the slow reader rule: at most clientBufferedBytesMax wait in the socket. Above that an interim
 * replaces the interim that waits before it (the newer one says more), finals wait and are never dropped. A client is cut
 * off when what must not be dropped exceeds the same limit, or when nothing moved for slowMsMax.
 */
import { LIMITS } from '@yap/protocol'

/** Nothing was read for this long while something waited. */
export const slowMsMax = 15_000

/** The part of a WebSocket that is needed. */
export interface Outlet {
  readonly bufferedAmount: number
  send(data: string, sent: () => void): void
}

interface Waiting {
  readonly data: string
  readonly droppable: boolean
}

export class ClientOutbox {
  readonly #outlet: Outlet
  readonly #now: () => number
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #stuckSinceMs: number | undefined
  /** Interims that newer ones replaced. */
  superseded = 0

  constructor(outlet: Outlet, now: () => number) {
    this.#outlet = outlet
    this.#now = now
  }

  say(data: string, droppable: boolean): void {
    if (this.#waiting.length === 0 && this.#outlet.bufferedAmount <= LIMITS.clientBufferedBytesMax)
      return this.#send(data)
    this.#stuckSinceMs ??= this.#now()
    const last = this.#waiting.at(-1)
    if (last?.droppable) {
      this.#waiting.pop()
      this.#waitingBytes -= last.data.length
      this.superseded++
    }
    this.#waiting.push({ data, droppable })
    this.#waitingBytes += data.length
    return undefined
  }

  /** The last word to a client that is cut off: what waits for it is dropped. */
  cutOff(data: string): void {
    this.#waiting.length = 0
    this.#waitingBytes = 0
    this.#send(data)
  }

  /** The client does not read, and must be cut off. */
  get isTooSlow(): boolean {
    if (this.#stuckSinceMs !== undefined && this.#now() - this.#stuckSinceMs > slowMsMax) return true
    const droppable = this.#waiting.at(-1)?.droppable ? this.#waiting.at(-1)!.data.length : 0
    return this.#waitingBytes - droppable > LIMITS.clientBufferedBytesMax
  }

  /** Everything said was given to the socket. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  #send(data: string): void {
    this.#outlet.send(data, () => this.#drain())
  }

  #drain(): void {
    while (this.#waiting.length > 0 && this.#outlet.bufferedAmount <= LIMITS.clientBufferedBytesMax) {
      const { data } = this.#waiting.shift()!
      this.#waitingBytes -= data.length
      // Something was read: the clock starts again.
      this.#stuckSinceMs = this.#waiting.length > 0 ? this.#now() : undefined
      this.#send(data)
    }
  }
}
