/** Progress of long work: a bar on a terminal, now and then a line elsewhere, always on standard error. */
import { SingleBar } from 'cli-progress'

export interface Progress {
  update(done: number, total: number): void
  stop(): void
}

const LINE_EVERY_MS = 5000

export function startProgress(what: string): Progress {
  return process.stderr.isTTY ? barProgress(what) : lineProgress(what)
}

function barProgress(what: string): Progress {
  const bar = new SingleBar({ format: `${what} {bar} {percentage} %`, hideCursor: true, stream: process.stderr })
  let started = false
  return {
    update(done, total) {
      if (!started) bar.start(total, done)
      started = true
      bar.setTotal(total)
      bar.update(done)
    },
    stop() {
      if (started) bar.stop()
    },
  }
}

function lineProgress(what: string): Progress {
  let toldAt = performance.now()
  return {
    update(done, total) {
      if (performance.now() - toldAt < LINE_EVERY_MS) return
      toldAt = performance.now()
      process.stderr.write(`${what}: ${total > 0 ? Math.floor((100 * done) / total) : 0} %\n`)
    },
    stop() {},
  }
}
