/**
 * Ctrl-C in two steps: the first asks the work to end well, the second drops everything.
 *
 * `polite` and `hard` abort in that order. Dispose when the work is done, or the process would ignore Ctrl-C.
 */
export class Interrupt {
  readonly #polite = new AbortController()
  readonly #hard = new AbortController()
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.interrupted || signal === 'SIGTERM') this.#hard.abort()
    this.#polite.abort()
  }

  constructor() {
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
  }

  get polite(): AbortSignal {
    return this.#polite.signal
  }

  get hard(): AbortSignal {
    return this.#hard.signal
  }

  get interrupted(): boolean {
    return this.#polite.signal.aborted
  }

  dispose(): void {
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
  }
}

/** What a shell expects of a program that Ctrl-C ended. */
export const interruptedExitCode = 130
