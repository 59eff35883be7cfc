/**
 * A whole system for one test, under the real supervisor, with a port and a folder of its own: real services through
 * `yap start`, or fake ones where only the supervisor matters. Its processes can be killed and frozen by name.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isRunning, readRunFile, type RunFile, type RunProcess } from '@yap/tools'
import { eventually } from './eventually.js'
import { repositoryDir } from './shared-dir.js'

export interface ClusterOptions {
  services?: 'real' | 'fake'
  workers?: number
  /** Of the edge; default: any free one. */
  port?: number
  /** Settings, over an environment without any. */
  env?: NodeJS.ProcessEnv
  /** Further options of `yap start`; not for fake services. */
  args?: string[]
  /** How long everything may take to be ready. */
  readyMsMax?: number
  /** A folder of the test's own, which stays; default: a new one, removed by stop(). */
  dataDir?: string
}

const READY_MS_MAX = 30_000
const STOP_MS_MAX = 15_000

export class Cluster {
  readonly dataDir: string
  readonly #supervisor: ChildProcess
  readonly #removeDataDir: boolean
  #output = ''
  /** Every process that run.json ever named: what must be gone in the end. */
  readonly #seen = new Map<number, RunProcess>()

  private constructor(supervisor: ChildProcess, dataDir: string, removeDataDir: boolean) {
    this.#supervisor = supervisor
    this.dataDir = dataDir
    this.#removeDataDir = removeDataDir
    for (const stream of [supervisor.stdout, supervisor.stderr])
      stream?.on('data', (data: Buffer) => (this.#output += data.toString()))
  }

  /** Starts everything and waits until all of it is ready. On failure nothing is left, and the error holds the log. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.launch(options)
    try {
      await cluster.ready(options.workers ?? 1, options.readyMsMax)
      return cluster
    } catch (error) {
      await cluster.stop().catch(() => {})
      throw new Error(`${(error as Error).message}\n${cluster.output}`, { cause: error })
    }
  }

  /** Starts without waiting: for starts that are meant to fail. */
  static async launch(options: ClusterOptions = {}): Promise<Cluster> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'yap-run-')))
    const { workers = 1, port = 0 } = options
    const settings = Object.entries(process.env).filter(([name]) => !/^(ASR_|YAP_(?!HOME)|npm_)/.test(name))
    const env = { ...Object.fromEntries(settings), ...options.env }
    const fake = [
      fileURLToPath(new URL('start-fake-system.js', import.meta.url)),
      JSON.stringify({ dataDir, port, workers }),
    ]
    const real = [join(repositoryDir, 'bin/yap.mjs'), 'start', '--data-dir', dataDir, '--port', String(port)]
    real.push('--workers', String(workers), ...(options.args ?? []))
    const args = options.services === 'fake' ? fake : real
    const supervisor = spawn(process.execPath, args, { cwd: repositoryDir, env, stdio: ['ignore', 'pipe', 'pipe'] })
    return new Cluster(supervisor, dataDir, options.dataDir === undefined)
  }

  /** Resolves once nats-server, router, edge and so many workers are ready; rejects when the supervisor ends before that. */
  async ready(workers: number, readyMsMax = READY_MS_MAX): Promise<RunFile> {
    return await eventually(
      'the system is ready',
      async () => {
        if (this.exitCode !== undefined) throw new Error(`the supervisor ended with ${this.exitCode}`)
        const run = await this.run()
        return (
          // A file that a killed run left is not ours.
          run?.supervisor.pid === this.supervisorPid &&
          run.processes.length === workers + 3 &&
          run.processes.every(({ state }) => state === 'ready') &&
          run
        )
      },
      { withinMs: readyMsMax, unless: () => this.exitCode !== undefined },
    )
  }

  /** What run.json says now. */
  async run(): Promise<RunFile | undefined> {
    const run = await readRunFile(this.dataDir)
    for (const process of run?.processes ?? []) this.#seen.set(process.pid, process)
    return run
  }

  /** "http://127.0.0.1:41234" */
  async address(): Promise<string> {
    const run = await this.run()
    if (!run) throw new Error('the system is not running')
    return run.address
  }

  /** One process of run.json by its name; throws when there is none now. */
  async process(name: string): Promise<RunProcess> {
    const found = (await this.run())?.processes.find((process) => process.name === name)
    if (!found) throw new Error(`no process ${name} in run.json`)
    return found
  }

  /** Sends a signal to one process by its name. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<RunProcess> {
    const found = await this.process(name)
    process.kill(found.pid, signal)
    return found
  }

  get supervisorPid(): number {
    return this.#supervisor.pid ?? 0
  }

  /** Everything that the supervisor printed so far. */
  get output(): string {
    return this.#output
  }

  /** Of the supervisor, once it ended; 128 + 9 when it was killed. */
  get exitCode(): number | undefined {
    if (this.#supervisor.signalCode) return 137
    return this.#supervisor.exitCode ?? undefined
  }

  signal(signal: NodeJS.Signals): void {
    this.#supervisor.kill(signal)
  }

  /** Resolves with the exit code when the supervisor has ended. */
  async ended(withinMs = STOP_MS_MAX): Promise<number> {
    return await eventually('the supervisor ended', () => this.exitCode ?? false, { withinMs })
  }

  /** Processes that run.json named and that still run. */
  survivors(): RunProcess[] {
    return [...this.#seen.values()].filter((process) => isRunning(process))
  }

  /** Stops in order, as Ctrl-C does; then nothing is left, or it throws. Harmless when it ended before. */
  async stop(): Promise<void> {
    await this.run()
    if (this.exitCode === undefined) this.signal('SIGTERM')
    try {
      await this.ended()
    } finally {
      if (this.exitCode === undefined) this.signal('SIGKILL')
      await eventually('everything that ran is gone', () => this.survivors().length === 0, { withinMs: STOP_MS_MAX })
      if (this.#removeDataDir) await rm(this.dataDir, { recursive: true, force: true })
    }
  }
}
