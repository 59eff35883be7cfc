/**
 * The worker's side of the engine thread: starts it, hands it steps, and says loudly when it dies.
 *
 *   IDLE ── step() ──> STEPPING ── results ──> IDLE        any ── the thread dies ──> DEAD: `onDeath` is told, once
 *
 * Samples of a step are written into shared memory (`pcmRow`) while IDLE; one step is on the way at a time, so nobody
 * writes what the thread reads.
 */
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import type { StepRowResult } from '@yap/model'
import {
  windowSamplesMax,
  type EngineOptions,
  type EngineStep,
  type FromThread,
  type ThreadData,
  type ToThread,
} from './engine-messages.js'

/** More than any model needs to load; a thread that says nothing for so long hangs. */
const START_MS_MAX = 300_000

export interface EngineHostOptions extends EngineOptions {
  engineModule?: string
  /** Time for warm-up; what was not stepped by then is estimated. */
  warmUpMsMax: number
}

export interface EngineReply {
  results: StepRowResult[]
  stepMs: number
}

export class EngineHost {
  readonly slots: number
  readonly batchMax: number
  /** Cost of a step in ms at warm-up, [look-ahead][bucket]. */
  readonly measuredMs: readonly (readonly (number | undefined)[])[]
  readonly #thread: Worker
  readonly #pcm: Int16Array
  readonly #rowSamples: number
  /** Non-null exactly while a step, or the close, is on the way. */
  #waiting: { resolve: (message: FromThread) => void; reject: (error: Error) => void } | undefined
  #dead: Error | undefined
  #closing = false
  #onDeath: ((error: Error) => void) | undefined

  private constructor(
    thread: Worker,
    options: EngineHostOptions,
    pcm: SharedArrayBuffer,
    measuredMs: (number | undefined)[][],
  ) {
    this.slots = options.slots
    this.batchMax = options.batchMax
    this.measuredMs = measuredMs
    this.#thread = thread
    this.#pcm = new Int16Array(pcm)
    this.#rowSamples = windowSamplesMax(options.manifest)
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'failed') this.#die(new Error(`the engine failed: ${message.message}`))
      else this.#answer(message)
    })
    thread.on('error', (error: Error) => this.#die(error))
    thread.on('exit', (code) => this.#die(new Error(`the engine thread ended with code ${code}`)))
  }

  /** Resolves when the model is loaded and warm. Rejects with one clear line when it cannot be loaded. */
  static async start(options: EngineHostOptions): Promise<EngineHost> {
    const { engineModule = new URL('./host-engine-module.js', import.meta.url).href } = options
    const rowBytes = windowSamplesMax(options.manifest) * Int16Array.BYTES_PER_ELEMENT
    const pcm = new SharedArrayBuffer(options.batchMax * rowBytes)
    const workerData: ThreadData = { ...options, engineModule, pcm }
    const thread = new Worker(new URL('./engine-thread.js', import.meta.url), { workerData, name: 'engine' })
    try {
      return new EngineHost(thread, options, pcm, await started(thread))
    } catch (error) {
      await thread.terminate()
      throw error
    }
  }

  /** Told once when the thread dies by itself. Without the engine the worker is of no use. */
  onDeath(listener: (error: Error) => void): void {
    this.#onDeath = listener
    if (this.#dead) listener(this.#dead)
  }

  /** Where the samples of row `row` of the next step go. */
  pcmRow(row: number): Int16Array {
    assert(!this.#waiting, 'samples written while a step runs. This is a bug.')
    return this.#pcm.subarray(row * this.#rowSamples, (row + 1) * this.#rowSamples)
  }

  async step(step: EngineStep): Promise<EngineReply> {
    const answer = await this.#ask({ kind: 'step', step })
    assert.equal(answer.kind, 'stepped')
    return answer as FromThread & { kind: 'stepped' }
  }

  /** Gives memory back and ends the thread. */
  async stop(): Promise<void> {
    this.#closing = true
    // A thread that failed may still be there.
    if (this.#dead) return void (await this.#thread.terminate())
    // A step that is on the way is finished; nobody waits for it any more.
    if (this.#waiting) await this.#thread.terminate()
    else await this.#ask({ kind: 'close' })
  }

  #ask(message: ToThread): Promise<FromThread> {
    if (this.#dead) return Promise.reject(this.#dead)
    assert(!this.#waiting, 'two steps at once. This is a bug.')
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      this.#thread.postMessage(message)
    })
  }

  #answer(message: FromThread): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(message)
  }

  #die(error: Error): void {
    if (this.#dead) return
    this.#dead = error
    const waiting = this.#waiting
    this.#waiting = undefined
    if (!this.#closing) this.#onDeath?.(error)
    waiting?.reject(error)
  }
}

function started(thread: Worker): Promise<(number | undefined)[][]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => finish(new Error(`the engine did not start within ${START_MS_MAX} ms`)),
      START_MS_MAX,
    )
    const finish = (result: (number | undefined)[][] | Error): void => {
      clearTimeout(timer)
      thread.off('message', hear)
      thread.off('error', finish)
      thread.off('exit', exited)
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
    const hear = (message: FromThread): void => {
      if (message.kind === 'ready') finish(message.measuredMs)
      if (message.kind === 'failed') finish(new Error(message.message))
    }
    const exited = (code: number): void =>
      finish(new Error(`the engine thread ended with code ${code} while it started`))
    thread.on('message', hear)
    thread.on('error', finish)
    thread.on('exit', exited)
  })
}
