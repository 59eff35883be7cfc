/**
 * `yap start` from the first check to the last line: claims the folder and the port, finds nats-server, runs the supervisor until
 * a signal, and ends with an exit code.
 *
 *   Ctrl-C, SIGTERM, SIGHUP   stop in order         exit code 0
 *   Ctrl-C again              end everything now    130
 *   a start that fails        stop what started     1
 */
import { UsageError } from '../usage-error.js'
import { ensureNatsServer } from '../nats/ensure.js'
import { banner } from './banner.js'
import { checkPort, claimDataDir } from './claim.js'
import { type LogLevel, LogOutput } from './log-lines.js'
import { StartError } from './managed-process.js'
import type { SystemOptions } from './plan.js'
import { Supervisor } from './supervisor.js'

export interface RunOptions extends SystemOptions {
  jsonLogs: boolean
  logLevel: LogLevel
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** npm passes Ctrl-C on to us, which the terminal has sent us already: so near together they are one. */
const SAME_SIGNAL_MS = 300
const PARENT_POLL_MS = 1000

/** Resolves with the exit code when everything has stopped. Throws UsageError before anything was started. */
export async function runSystem(options: RunOptions): Promise<number> {
  const log = new LogOutput({
    write: (text) => process.stdout.write(text),
    json: options.jsonLogs,
    colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
    level: options.logLevel,
  })
  const say = (message: string, level: LogLevel = 'info') =>
    log.entry({ process: 'yap', level, timeMs: Date.now(), message })
  // `npm start | head`: the reader went away, the service stays.
  process.stdout.on('error', () => {})
  log.expect(['nats-server', 'router', 'edge', `asr-worker-${options.workers}`])

  await claimDataDir(options.dataDir, say)
  await checkSettings(options.env)
  if (options.port !== 0) await checkPort(options.port, options.host)
  // A NATS of somebody's own choice is used as it is.
  const natsBinary = options.env.YAP_NATS_URL ? undefined : (await ensureNatsServer({ log: say })).path
  const supervisor = new Supervisor({ ...options, natsBinary, log })

  const stopRequest = new StopRequest()
  try {
    const first = await Promise.race([supervisor.start().then(() => 'ready' as const), stopRequest.first])
    if (first === 'ready') {
      if (log.json) say(`ready at ${supervisor.address}`)
      else process.stdout.write(banner({ address: supervisor.address, model: options.model }))
    }
    const why = await stopRequest.first
    say(`${why}: stopping (again: at once)`)
    const code = await Promise.race([supervisor.stop().then(() => 0), stopRequest.second.then(() => 130)])
    if (code === 0) say('stopped')
    return code
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    say(error.message, 'error')
    await Promise.race([supervisor.stop(), stopRequest.first])
    return 1
  } finally {
    // Whatever the way here: nothing stays behind.
    await supervisor.kill()
    stopRequest.close()
  }
}

/**
 * Throws UsageError that lists what is wrong with the settings, once, before three processes each say it three times. The library
 * that knows them is loaded only where there is something to check.
 */
async function checkSettings(env: NodeJS.ProcessEnv): Promise<void> {
  if (!Object.keys(env).some((name) => /^(ASR|YAP)_/.test(name))) return
  const { ConfigError, loadConfig } = await import('@yap/runtime')
  try {
    loadConfig(env)
  } catch (error) {
    throw error instanceof ConfigError ? new UsageError(error.message) : error
  }
}

/** Waits for the first and the second wish to stop: by signal, or because the npm that runs us was killed. */
class StopRequest {
  readonly first: Promise<string>
  readonly second: Promise<string>
  readonly #handlers = new Map<NodeJS.Signals, () => void>()
  readonly #parentPoll: NodeJS.Timeout
  #onFirst!: (why: string) => void
  #onSecond!: (why: string) => void
  #firstAt: number | undefined

  constructor() {
    this.first = new Promise((resolve) => (this.#onFirst = resolve))
    this.second = new Promise((resolve) => (this.#onSecond = resolve))
    for (const signal of SIGNALS) {
      const handler = () => this.#wish(signal)
      this.#handlers.set(signal, handler)
      process.on(signal, handler)
    }
    // A killed npm cannot pass on that it was killed. Without npm nobody expects us to end with our parent (nohup, a service manager).
    const parent = process.env.npm_lifecycle_event ? process.ppid : undefined
    this.#parentPoll = setInterval(() => {
      if (parent !== undefined && process.ppid !== parent && this.#firstAt === undefined) this.#wish('npm is gone')
    }, PARENT_POLL_MS).unref()
  }

  #wish(why: string): void {
    const now = performance.now()
    if (this.#firstAt === undefined) this.#onFirst(why)
    else if (now - this.#firstAt > SAME_SIGNAL_MS) this.#onSecond(why)
    this.#firstAt ??= now
  }

  close(): void {
    clearInterval(this.#parentPoll)
    for (const [signal, handler] of this.#handlers) process.off(signal, handler)
  }
}
