/** A service as a real process: started with settings of its own, awaited until ready, stopped or killed by the test. */
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { eventually } from './eventually.js'
import { repositoryDir } from './shared-dir.js'

const READY_MS_MAX = 20_000
const STOP_MS_MAX = 10_000

export type ServiceName = 'edge' | 'router' | 'asr-worker'

export class ServiceProcess {
  readonly child: ChildProcess
  #output = ''
  #ports: Record<string, number> | undefined

  private constructor(service: ServiceName, env: Readonly<Record<string, string>>) {
    const main = join(repositoryDir, 'services', service, 'dist', 'main.js')
    this.child = fork(main, [], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (data: Buffer) => (this.#output += data.toString()))
    this.child.on('message', (message: { type?: string; ports?: Record<string, number> }) => {
      if (message.type === 'ready') this.#ports = message.ports
    })
  }

  /** Starts a service and waits until it says that it is ready. */
  static async start(service: ServiceName, env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
    const started = ServiceProcess.launch(service, env)
    await started.untilReady()
    return started
  }

  /** Starts a service without waiting. */
  static launch(service: ServiceName, env: Readonly<Record<string, string>>): ServiceProcess {
    return new ServiceProcess(service, env)
  }

  async untilReady(): Promise<void> {
    await eventually('the service is ready', () => this.isReady, { withinMs: READY_MS_MAX }).catch(
      async (error: unknown) => {
        await this.stop('SIGKILL')
        throw new Error(`${String(error)}\n${this.#output}`)
      },
    )
  }

  get isReady(): boolean {
    if (this.ended && !this.#ports) throw new Error(`it ended with ${this.child.exitCode}: ${this.#output}`)
    return this.#ports !== undefined
  }

  /** Everything that it wrote so far. */
  get output(): string {
    return this.#output
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  port(name: string): number {
    const port = this.#ports?.[name]
    if (port === undefined) throw new Error(`no port ${name} among ${JSON.stringify(this.#ports)}`)
    return port
  }

  /** Ends it and waits until it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.ended) return
    this.child.kill(signal)
    try {
      await eventually('the service ended', () => this.ended, { withinMs: STOP_MS_MAX })
    } catch (error) {
      this.child.kill('SIGKILL')
      throw new Error(`${String(error)}\n${this.#output}`, { cause: error })
    }
  }
}
