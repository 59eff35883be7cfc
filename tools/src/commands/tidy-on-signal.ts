/** For commands that compile a model: Ctrl-C and SIGTERM end them at once, as ever, but leave nothing half-written. */
import { removeUnfinished } from '@yap/model'

const SHOW_CURSOR = '\u001b[?25h'

export function tidyOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      // A progress bar has hidden it.
      if (process.stderr.isTTY) process.stderr.write(`${SHOW_CURSOR}\n`)
      removeUnfinished()
      // Without this handler now: the shell sees what ended the command.
      process.kill(process.pid, signal)
    })
  }
}
