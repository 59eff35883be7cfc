/**
 * A real nats-server for one test: own port, own folder, no password. It can be stopped, killed, frozen, and started again on
 * the same port with what it had stored.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureNatsServer, freePort, natsAnswers, writeNatsServerConfig } from '@yap/tools'
import { eventually } from './eventually.js'

const START_MS_MAX = 10_000
const STOP_MS_MAX = 5000

export class NatsServer {
  readonly port: number
  readonly #binary: string
  readonly #folder: string
  #process: ChildProcess | undefined
  #output = ''

  private constructor(binary: string, folder: string, port: number) {
    this.#binary = binary
    this.#folder = folder
    this.port = port
  }

  /** Starts one, on any free port where none is given, and waits until it answers. Stop it with stop(). */
  static async start(port?: number): Promise<NatsServer> {
    const { path } = await ensureNatsServer()
    const folder = await mkdtemp(join(tmpdir(), 'yap-nats-'))
    const server = new NatsServer(path, folder, port ?? (await freePort()))
    await server.#launch()
    return server
  }

  /** For the NATS client: "nats://127.0.0.1:4222" */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** What it wrote so far. */
  get output(): string {
    return this.#output
  }

  /** SIGKILL, SIGSTOP, SIGCONT, …; resolves when the signal has done its work: the process is gone, or frozen. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (!child) return
    child.kill(signal)
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') await this.#gone(child)
    if (signal === 'SIGSTOP') await eventually('nats-server is frozen', () => isFrozen(child.pid))
  }

  /** Stops it where it runs, and starts it again on the same port with the same store. */
  async restart(): Promise<void> {
    await this.kill('SIGTERM')
    await this.#launch()
  }

  /** Stops it and removes its folder. */
  async stop(): Promise<void> {
    // A frozen process would not hear SIGTERM.
    await this.kill('SIGCONT')
    await this.kill('SIGTERM')
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #launch(): Promise<void> {
    const config = join(this.#folder, 'nats-server.conf')
    await writeNatsServerConfig(config, {
      port: this.port,
      storeDir: join(this.#folder, 'jetstream'),
      name: 'yap-test',
    })
    const child = spawn(this.#binary, ['--config', config], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (this.#output += data.toString()))
    this.#process = child
    await eventually(
      'nats-server answers',
      () => {
        if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}: ${this.#output}`)
        return natsAnswers(this.port)
      },
      { withinMs: START_MS_MAX },
    )
  }

  async #gone(child: ChildProcess): Promise<void> {
    await eventually('nats-server ended', () => child.exitCode !== null || child.signalCode !== null, {
      withinMs: STOP_MS_MAX,
    })
    if (this.#process === child) this.#process = undefined
  }
}

/** Every thread of it stands still; the signal takes a moment. True at once where the system does not tell. */
function isFrozen(pid: number | undefined): boolean {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return true
  return readdirSync(tasks).every((task) =>
    / [Tt] /.test(readFileSync(`${tasks}/${task}/stat`, 'latin1').replace(/^.*\)/, '')),
  )
}
