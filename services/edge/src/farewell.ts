/**
 * Letting a worker's slot go: a `close` that is sent again until the worker says `released`, or until so much time has passed
 * that the worker's own silence limit will do it.
 */
import { AudioFlag, LIMITS, type TextMessage } from '@yap/protocol'
import type { TurnNumber } from './turn-ledger.js'
import type { AudioPart } from './uplink.js'

export class Farewell {
  #at: TurnNumber & { readonly offset: number }
  #sentAtMs = -Infinity
  #giveUpAtMs: number

  /** `at`: behind all that was sent. */
  constructor(at: TurnNumber & { readonly offset: number }, nowMs: number) {
    this.#at = at
    this.#giveUpAtMs = nowMs + LIMITS.releaseMsMax
  }

  /** The worker's standing tells what it has: the close belongs behind that, and what is missing will not be sent any more. */
  text(message: TextMessage): void {
    const turnStart = Math.min(this.#at.turnStart, message.received)
    this.#at = { turn: message.turn, turnStart, offset: message.received }
    if (message.need !== undefined) this.#sentAtMs = -Infinity
  }

  /** Nobody could hear us, or we could not hear. */
  forgive(nowMs: number): void {
    this.#giveUpAtMs = nowMs + LIMITS.releaseMsMax
  }

  overdue(nowMs: number): boolean {
    return nowMs >= this.#giveUpAtMs
  }

  tick(nowMs: number): AudioPart[] {
    if (nowMs - this.#sentAtMs < LIMITS.resendMs) return []
    this.#sentAtMs = nowMs
    return [closeAt(this.#at)]
  }
}

export function closeAt(at: TurnNumber & { readonly offset: number }): AudioPart {
  return { header: { flags: AudioFlag.CLOSE, ...at }, pcm: new Int16Array(0) }
}
