/**
 * One process under the supervisor: started, awaited until it can be used, started again when it dies, stopped within a deadline.
 *
 *   from                to         when
 *   idle, waiting       starting   launched
 *   starting            ready      it says so (a message of the service), or answers (nats-server)
 *   starting, ready     waiting    it died; launched again after a pause that doubles with each death in a row
 *   starting            failed     it died DEATHS_AT_START_MAX times without ever having been ready
 *   any                 stopping   stop() or kill()
 *   stopping            stopped    it is gone
 *
 * A process that once was ready is never given up: what it needs may come back.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

export type ProcessState = 'idle' | 'starting' | 'ready' | 'waiting' | 'failed' | 'stopping' | 'stopped'

export interface ProcessPlan {
  name: string
  command: string
  args: readonly string[]
  /** Asked at each launch, with the ports that the former run had, so that one that others know by its port comes back there. */
  env(formerPorts: Readonly<Record<string, number>>): NodeJS.ProcessEnv
  /** 'message': it sends {type:'ready', ports} to its parent; else asked until true. */
  ready: 'message' | (() => Promise<boolean>)
  /** Those known before it runs. */
  ports: Readonly<Record<string, number>>
  log: 'service' | 'nats'
  /** Between SIGTERM and SIGKILL. */
  stopMsMax: number
}

export interface ProcessEvents {
  /** A line that it wrote. */
  line(process: ManagedProcess, line: string, stderr: boolean): void
  /** Something about it that a person wants to read. */
  notice(process: ManagedProcess, level: 'info' | 'warn' | 'error', message: string): void
  /** It runs under this pid from now on. */
  launched(process: ManagedProcess, pid: number): void
  gone(process: ManagedProcess, pid: number): void
  changed(process: ManagedProcess): void
}

export class StartError extends Error {}

const DEATHS_AT_START_MAX = 3
const PAUSE_MS_MIN = 250
const PAUSE_MS_MAX = 15_000
/** Up for so long, a process has recovered: its next death is the first in a row again. */
const HEALTHY_MS = 30_000
const READY_POLL_MS = 25

export class ManagedProcess {
  readonly plan: ProcessPlan
  readonly #events: ProcessEvents
  readonly #firstReady: Promise<void>
  #resolveReady!: () => void
  #rejectReady!: (error: StartError) => void
  #state: ProcessState = 'idle'
  /** Set from launch until the end was seen. */
  #child: ChildProcess | undefined
  #ports: Record<string, number>
  #deathsInRow = 0
  #restarts = 0
  #everReady = false
  #readyAt = 0
  #pause: NodeJS.Timeout | undefined

  constructor(plan: ProcessPlan, events: ProcessEvents) {
    this.plan = plan
    this.#events = events
    this.#ports = { ...plan.ports }
    this.#firstReady = new Promise((resolve, reject) => {
      this.#resolveReady = resolve
      this.#rejectReady = reject
    })
    // Whoever awaits start() hears of it; nobody needs to.
    this.#firstReady.catch(() => {})
  }

  get name(): string {
    return this.plan.name
  }
  get state(): ProcessState {
    return this.#state
  }
  get pid(): number | undefined {
    return this.#child?.pid
  }
  get ports(): Readonly<Record<string, number>> {
    return this.#ports
  }
  get restarts(): number {
    return this.#restarts
  }

  /** Launches it. Resolves once it is ready for the first time; rejects with StartError when it is given up or stopped first. */
  start(): Promise<void> {
    if (this.#state === 'idle') this.#launch()
    return this.#firstReady
  }

  /** SIGTERM, and SIGKILL when the plan's time is up. Resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#leave()
    if (!child) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => {
      this.#events.notice(this, 'warn', `did not stop within ${this.plan.stopMsMax / 1000} s and is killed`)
      child.kill('SIGKILL')
    }, this.plan.stopMsMax)
    await gone(child)
    clearTimeout(timer)
    this.#set('stopped')
  }

  /** SIGKILL now. */
  async kill(): Promise<void> {
    const child = this.#leave()
    if (!child) return
    child.kill('SIGKILL')
    await gone(child)
    this.#set('stopped')
  }

  /** No restart from here on. Returns the process that is still there, if one is. */
  #leave(): ChildProcess | undefined {
    clearTimeout(this.#pause)
    const child = this.#child
    if (this.#state !== 'failed') this.#set(child ? 'stopping' : 'stopped')
    this.#rejectReady(new StartError(`${this.name} was stopped before it was ready`))
    return child
  }

  #launch(): void {
    this.#set('starting')
    const { plan } = this
    // Its own session, so that Ctrl-C reaches the supervisor alone, which then stops everything in order.
    const child = spawn(plan.command, plan.args, {
      detached: true,
      env: plan.env(this.#ports),
      stdio: plan.ready === 'message' ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const [stream, stderr] of [
      [child.stdout, false],
      [child.stderr, true],
    ] as const)
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#events.line(this, line, stderr))
    child.on('message', (message) => this.#onMessage(child, message))
    child.on('error', (error) => {
      if (child.pid === undefined) this.#onGone(child, `could not be started (${error.message})`)
    })
    // 'close' rather than 'exit': by then its last words have been read.
    child.on('close', (code, signal) =>
      this.#onGone(child, signal ? `was killed by ${signal}` : `ended with code ${code}`),
    )
    if (child.pid !== undefined) this.#events.launched(this, child.pid)
    if (plan.ready !== 'message') void this.#askUntilReady(child, plan.ready)
    this.#events.changed(this)
  }

  #onMessage(child: ChildProcess, message: unknown): void {
    const { type, ports } = message as { type?: unknown; ports?: Record<string, number> }
    if (type !== 'ready' || child !== this.#child) return
    this.#ports = { ...this.#ports, ...ports }
    this.#onReady()
  }

  async #askUntilReady(child: ChildProcess, isReady: () => Promise<boolean>): Promise<void> {
    while (child === this.#child && this.#state === 'starting') {
      if (await isReady()) {
        if (child === this.#child && this.#state === 'starting') this.#onReady()
        return
      }
      await delay(READY_POLL_MS)
    }
  }

  #onReady(): void {
    if (this.#state !== 'starting') return
    if (this.#everReady) this.#events.notice(this, 'info', 'is back')
    this.#everReady = true
    this.#readyAt = performance.now()
    this.#set('ready')
    this.#resolveReady()
  }

  #onGone(child: ChildProcess, how: string): void {
    if (child !== this.#child) return
    this.#child = undefined
    if (child.pid !== undefined) this.#events.gone(this, child.pid)
    if (this.#state === 'stopping' || this.#state === 'stopped') return
    const recovered = this.#state === 'ready' && performance.now() - this.#readyAt > HEALTHY_MS
    this.#deathsInRow = recovered ? 1 : this.#deathsInRow + 1
    if (!this.#everReady && this.#deathsInRow >= DEATHS_AT_START_MAX) {
      this.#set('failed')
      this.#rejectReady(
        new StartError(
          `${this.name} ${how}, ${DEATHS_AT_START_MAX} times in a row before it was ready; its own lines above say why`,
        ),
      )
      return
    }
    const pauseMs = Math.min(PAUSE_MS_MIN * 2 ** (this.#deathsInRow - 1), PAUSE_MS_MAX)
    this.#events.notice(this, 'warn', `${how}; starting it again in ${pauseMs / 1000} s`)
    this.#set('waiting')
    this.#restarts++
    this.#pause = setTimeout(() => this.#launch(), pauseMs)
  }

  #set(state: ProcessState): void {
    if (state === this.#state) return
    this.#state = state
    this.#events.changed(this)
  }
}

function gone(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) resolve()
    else child.once('exit', () => resolve())
  })
}
