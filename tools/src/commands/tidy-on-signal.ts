/** For commands that compile a model: Ctrl-C and SIGTERM end them at once, as ever, but leave nothing half-written. */
import { removeUnfinished } from '@yap/model'

/** The cursor, and lines that wrap: a progress bar has switched both off. */
const TERMINAL_AS_IT_WAS = '\u001b[?25h\u001b[?7h'

export function tidyOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      if (process.stderr.isTTY) process.stderr.write(`${TERMINAL_AS_IT_WAS}\n`)
      removeUnfinished()
      // Without this handler now: the shell sees what ended the command.
      process.kill(process.pid, signal)
    })
  }
}
