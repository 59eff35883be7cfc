/** Time as an argument, so that tests move it by hand. Monotonic: no lease, timer or age may depend on the wall clock. */

export interface Timer {
  /** Harmless when it has fired or was cancelled. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. */
  now(): number
  setTimeout(act: () => void, ms: number): Timer
  setInterval(act: () => void, ms: number): Timer
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout(act, ms) {
    const timer = setTimeout(act, ms)
    return { cancel: () => clearTimeout(timer) }
  },
  setInterval(act, ms) {
    const timer = setInterval(act, ms)
    return { cancel: () => clearInterval(timer) }
  },
}
