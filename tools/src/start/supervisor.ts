/**
 * Runs the whole system on one machine: nats-server, router, workers, edge, in that order; stops them in the reverse order, so
 * that nobody loses what it still needs. Keeps run.json true, and the watchdog informed, at each change.
 *
 * Stopping is bounded: each process has a deadline of its own, and kill() ends everything at once.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeNatsCredentials } from '../nats/credentials.js'
import { freePort } from '../nats/free-port.js'
import { writeNatsServerConfig } from '../nats/server-config.js'
import { type LogOutput, parseNatsLine, parseServiceLine } from './log-lines.js'
import { ManagedProcess, type ProcessEvents, type ProcessPlan, StartError } from './managed-process.js'
import { type Connection, edgePlan, natsPlan, routerPlan, type SystemOptions, workerPlans } from './plan.js'
import { identify } from './process-identity.js'
import { removeRunFile, type RunFile, writeRunFile } from './run-file.js'
import { Watchdog } from './watchdog.js'

export interface SupervisorOptions extends SystemOptions {
  /** Path of the nats-server to run; undefined: the one that YAP_NATS_URL names is used. */
  natsBinary?: string
  log: LogOutput
}

/** While a start takes long (a large model is being compiled), what it waits for is said this often. */
const WAITING_LINE_EVERY_MS = 10_000

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #log: LogOutput
  readonly #watchdog = new Watchdog()
  readonly #startedAt = new Date().toISOString()
  /** In the order of their start. */
  readonly #processes: ManagedProcess[] = []
  /** Writes of run.json, one after the other; the last one wins. */
  #writing: Promise<void> = Promise.resolve()
  #stopping: Promise<void> | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#log = options.log
  }

  /** "http://127.0.0.1:8080"; with the real port once the edge is ready. */
  get address(): string {
    const edge = this.#processes.find(({ name }) => name === 'edge')
    const { host, port } = this.#options
    // An address to open in a browser: every interface includes this machine's own.
    const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
    return `http://${shown.includes(':') ? `[${shown}]` : shown}:${edge?.ports.http ?? port}`
  }

  get processes(): readonly ManagedProcess[] {
    return this.#processes
  }

  /** Starts everything; resolves when all of it is ready. On StartError nothing is stopped yet: call stop(). */
  async start(): Promise<void> {
    await mkdir(this.#options.dataDir, { recursive: true, mode: 0o700 })
    this.#watchdog.start()
    const waiting = setInterval(() => this.#sayWhatIsAwaited(), WAITING_LINE_EVERY_MS)
    try {
      const nats = await this.#startNats()
      const router = this.#add(routerPlan(this.#options, nats))
      // Workers take longest: the model is loaded and warmed while the router starts.
      const workers = workerPlans(this.#options, nats).map((plan) => this.#add(plan))
      const ready = [router, ...workers].map((process) => process.start())
      await Promise.race([ready[0], Promise.all(ready)])
      const { grpc } = router.ports
      if (grpc === undefined) throw new StartError('the router did not say on which port it serves gRPC')
      await Promise.all([...ready, this.#add(edgePlan(this.#options, nats, grpc)).start()])
    } finally {
      clearInterval(waiting)
    }
  }

  /** Stops everything in reverse order. The same promise for every caller. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop((process) => process.stop())
    return this.#stopping
  }

  /** Ends everything at once, also when a stop is under way. */
  async kill(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()))
    await this.#finish()
  }

  async #stop(end: (process: ManagedProcess) => Promise<void>): Promise<void> {
    // Reverse order of start, but workers together: one after the other would add up their deadlines.
    const workers = this.#processes.filter(({ name }) => name.startsWith('asr-worker'))
    const named = (name: string) => this.#processes.filter((process) => process.name === name)
    for (const group of [named('edge'), workers, named('router'), named('nats-server')])
      await Promise.all(group.map(end))
    await this.#finish()
  }

  async #finish(): Promise<void> {
    await this.#writing
    await removeRunFile(this.#options.dataDir)
    await this.#watchdog.stop()
  }

  async #startNats(): Promise<Connection> {
    const { natsBinary, dataDir, env } = this.#options
    if (!natsBinary) return { url: env.YAP_NATS_URL ?? '', creds: env.YAP_NATS_CREDS ?? '' }
    const creds = join(dataDir, 'nats.creds')
    const configPath = join(dataDir, 'nats-server.conf')
    const port = await freePort()
    const userKey = await writeNatsCredentials(creds)
    await writeNatsServerConfig(configPath, { port, storeDir: join(dataDir, 'jetstream'), userKey })
    await this.#add(natsPlan({ binary: natsBinary, configPath, port })).start()
    return { url: `nats://127.0.0.1:${port}`, creds }
  }

  #add(plan: ProcessPlan): ManagedProcess {
    if (this.#stopping) throw new StartError('stopped while starting')
    const process = new ManagedProcess(plan, this.#events)
    this.#processes.push(process)
    return process
  }

  readonly #events: ProcessEvents = {
    line: (process, line, stderr) =>
      this.#log.entry(
        process.plan.log === 'nats'
          ? parseNatsLine(process.name, line)
          : parseServiceLine(process.name, line, { stderr }),
      ),
    notice: (process, level, message) => this.#log.entry({ process: process.name, level, timeMs: Date.now(), message }),
    launched: (process, pid) => this.#watchdog.watch(pid, { endsByItself: process.plan.log === 'service' }),
    gone: (_, pid) => this.#watchdog.forget(pid),
    changed: () => this.#write(),
  }

  #write(): void {
    this.#writing = this.#writing
      .then(() => writeRunFile(this.#options.dataDir, this.#runFile()))
      .catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error)
        this.#log.entry({
          process: 'yap',
          level: 'warn',
          timeMs: Date.now(),
          message: `run.json was not written: ${why}`,
        })
      })
  }

  #runFile(): RunFile {
    return {
      supervisor: identify(process.pid),
      startedAt: this.#startedAt,
      address: this.address,
      model: this.#options.model,
      processes: this.#processes.flatMap(({ name, pid, state, restarts, ports }) =>
        pid === undefined ? [] : [{ name, ...identify(pid), state, restarts, ports }],
      ),
    }
  }

  #sayWhatIsAwaited(): void {
    const names = this.#processes.filter(({ state }) => state !== 'ready').map(({ name }) => name)
    this.#log.entry({
      process: 'yap',
      level: 'info',
      timeMs: Date.now(),
      message: `still starting: ${names.join(', ')}`,
    })
  }
}
