/**
 * Stopping, designed: parts stop in the reverse order of their start, within one deadline that is armed before anything is
 * asked to stop. Past it the log says which part hung, and the process exits with 1.
 */
import type { Logger } from './log.js'

export interface Stoppable {
  stop(): Promise<void> | void
}

interface Part {
  readonly name: string
  readonly stop: () => Promise<void> | void
}

export class StopSequence {
  readonly #log: Logger
  readonly #deadlineMs: number
  readonly #exit: (code: number) => void
  readonly #parts: Part[] = []
  #stopping: Promise<void> | undefined
  #current = ''

  constructor(log: Logger, options: { deadlineMs: number; exit?: (code: number) => void }) {
    this.#log = log
    this.#deadlineMs = options.deadlineMs
    this.#exit = options.exit ?? ((code) => process.exit(code))
  }

  /** Remembers a part; last owned, first stopped. Returns it. */
  own<T extends Stoppable>(name: string, part: T): T {
    this.#parts.push({ name, stop: () => part.stop() })
    return part
  }

  /** The same for something that is no object with `stop`. */
  onStop(name: string, stop: () => Promise<void> | void): void {
    this.#parts.push({ name, stop })
  }

  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Stops everything; the same promise for every caller. */
  stop(reason: string, code = 0): Promise<void> {
    this.#stopping ??= this.#run(reason, code)
    return this.#stopping
  }

  /** Stops at a signal. A second signal ends the process at once. */
  listen(...signals: NodeJS.Signals[]): void {
    for (const signal of signals) {
      process.on(signal, () => {
        if (this.#stopping) {
          this.#log.warn({ signal, waitingFor: this.#current }, 'second signal: leaving at once')
          this.#exit(1)
        } else void this.stop(signal)
      })
    }
  }

  async #run(reason: string, code: number): Promise<void> {
    const deadline = setTimeout(() => {
      this.#log.error({ hung: this.#current, deadlineMs: this.#deadlineMs }, `stopping hung in ${this.#current}`)
      this.#exit(1)
    }, this.#deadlineMs)
    this.#log.info({ reason }, 'stopping')
    let failed = false
    for (const part of this.#parts.toReversed()) {
      this.#current = part.name
      try {
        await part.stop()
      } catch (error) {
        failed = true
        this.#log.error({ err: error, part: part.name }, 'a part failed to stop')
      }
    }
    clearTimeout(deadline)
    this.#log.info({ reason }, 'stopped')
    this.#exit(failed ? 1 : code)
  }
}
