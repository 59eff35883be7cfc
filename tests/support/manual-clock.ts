/** A clock that moves when a test says so; timers fire in the order in which they fall due. */
import type { Clock, Timer } from '@yap/runtime'

interface Entry {
  at: number
  every: number | undefined
  act: () => void
}

export class ManualClock implements Clock {
  #now = 0
  readonly #entries = new Set<Entry>()

  now(): number {
    return this.#now
  }

  setTimeout(act: () => void, ms: number): Timer {
    return this.#add({ at: this.#now + ms, every: undefined, act })
  }

  setInterval(act: () => void, ms: number): Timer {
    return this.#add({ at: this.#now + ms, every: ms, act })
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      let next: Entry | undefined
      for (const entry of this.#entries) if (entry.at <= end && (!next || entry.at < next.at)) next = entry
      if (!next) break
      this.#now = Math.max(this.#now, next.at)
      if (next.every === undefined) this.#entries.delete(next)
      else next.at += next.every
      next.act()
    }
    this.#now = end
  }

  get pendingTimers(): number {
    return this.#entries.size
  }

  #add(entry: Entry): Timer {
    this.#entries.add(entry)
    return { cancel: () => void this.#entries.delete(entry) }
  }
}
