/**
 * Carries out what the scheduler core decides: gathers the windows of due sessions, has the engine step them, and hands
 * each session its result.
 *
 *   wake(session) ──> core ──> gather (windows to shared memory) ──> engine thread ──> scatter (results, texts out)
 *
 * Callbacks of NATS only append samples and wake. Deciding happens once a turn of the event loop, after everything that
 * had arrived was read, so that what came together is stepped together.
 */
import type { TextMessage } from '@yap/protocol'
import type { Clock, Logger, Timer } from '@yap/runtime'
import type { CostModel } from './cost-model.js'
import type { EngineReply } from './engine-host.js'
import type { EngineStep } from './engine-messages.js'
import type { WorkerMetrics } from './metrics.js'
import type { SchedulerCore } from './scheduler-core.js'
import { SessionState } from './session-core.js'
import type { Session, SessionTable } from './session-table.js'
import type { Slot, SlotTable } from './slots.js'
import type { StepTimes } from './step-times.js'

export interface StepEnginePort {
  pcmRow(row: number): Int16Array
  step(step: EngineStep): Promise<EngineReply>
}

export interface SchedulerParts {
  core: SchedulerCore
  engine: StepEnginePort
  sessions: SessionTable
  /** Slots for copies of idle tails. */
  scratch: SlotTable
  cost: CostModel
  stepTimes: StepTimes
  metrics: WorkerMetrics
  publish: (session: Session, message: TextMessage) => void
  clock: Clock
  log: Logger
}

/** A session in a step, and the slot that it had then: while the step runs it may leave, and its slot be given away. */
interface Row {
  session: Session
  slot: Slot
}

export class Scheduler {
  readonly #parts: SchedulerParts
  #kicked = false
  #timer: Timer | undefined
  #stopped = false
  /** Idle tails that found no free slot for their copy. */
  readonly #withoutScratch = new Set<Session>()

  constructor(parts: SchedulerParts) {
    this.#parts = parts
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Something happened to the session: tells its edge, steps it when that is due, frees its slot when it is over. */
  settle(session: Session, message: TextMessage | undefined): void {
    if (message) this.#parts.publish(session, message)
    if (session.core.live) this.#wake(session)
    else this.leave(session)
  }

  /** The session is stepped no more; its slot is free. */
  leave(session: Session): void {
    if (!session.slot) return
    this.#parts.core.remove(session.slot.index)
    this.#withoutScratch.delete(session)
    this.#freeScratch(session)
    this.#parts.sessions.freeSlot(session)
  }

  #wake(session: Session): void {
    const { slot, core } = session
    if (!slot) return
    if (session.scratch && !core.wantsScratch) this.#freeScratch(session)
    const { due } = core
    if (due === 'no') {
      this.#parts.core.remove(slot.index)
      return
    }
    this.#parts.core.add(slot.index, session.lookAhead, this.#parts.clock.now(), due !== 'chunk')
    this.#kick()
  }

  #kick(): void {
    if (this.#kicked || this.#stopped) return
    this.#kicked = true
    setImmediate(() => {
      this.#kicked = false
      this.#turn()
    })
  }

  #turn(): void {
    const { core, clock } = this.#parts
    while (!this.#stopped) {
      const decision = core.decide(clock.now())
      if (decision.kind === 'wait') this.#wakeAt(decision.untilMs)
      if (decision.kind !== 'step') return
      if (this.#begin(decision.geometry, decision.rows)) return
      core.stepDone()
    }
  }

  #wakeAt(untilMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.setTimeout(() => this.#turn(), untilMs - this.#parts.clock.now())
  }

  /** Starts a step with those of `slots` that are still due. False: none is. */
  #begin(lookAhead: number, slots: readonly number[]): boolean {
    const step: EngineStep = { lookAhead, resets: [], copies: [], rows: [] }
    const rows: Row[] = []
    for (const index of slots) {
      const session = this.#parts.sessions.bySlot(index)
      if (!session?.slot || session.core.due === 'no') continue
      if (session.core.due === 'flush' && !this.#hasScratch(session)) continue
      this.#gather(session, session.slot, step)
      rows.push({ session, slot: session.slot })
    }
    if (rows.length === 0) return false
    this.#parts.engine.step(step).then(
      (reply) => this.#scatter(lookAhead, rows, reply),
      // The host tells of the engine's death; there is nobody left to step for.
      () => this.stop(),
    )
    return true
  }

  #gather(session: Session, slot: Slot, step: EngineStep): void {
    const { engine, clock, metrics } = this.#parts
    const taken = session.core.take(engine.pcmRow(step.rows.length), clock.now())
    if (taken.reset) step.resets.push(slot.index)
    const inScratch = taken.where === 'scratch-first' || taken.where === 'scratch'
    if (taken.where === 'scratch-first') step.copies.push({ from: slot.index, to: session.scratch!.index })
    if (taken.where === 'own') metrics.waited(taken.queueMs)
    step.rows.push({
      slot: inScratch ? session.scratch!.index : slot.index,
      decoder: session.decoder,
      window: taken.window,
      commit: taken.where !== 'copy',
    })
  }

  #scatter(lookAhead: number, rows: readonly Row[], { results, stepMs }: EngineReply): void {
    const { core, cost, stepTimes, metrics, clock, log } = this.#parts
    const nowMs = clock.now()
    core.stepDone()
    cost.observe(lookAhead, rows.length, stepMs)
    stepTimes.add(stepMs, nowMs)
    metrics.stepped(lookAhead, rows.length, stepMs)
    for (const [i, { session, slot }] of rows.entries()) {
      if (session.slot !== slot) continue
      const message = session.core.stepped(results[i]!, stepMs, nowMs)
      if (session.core.state === SessionState.FAILED) {
        metrics.failed()
        log.error({ session: session.id }, 'the numbers of a session went bad; it ends alone')
      }
      this.settle(session, message)
    }
    this.#kick()
  }

  #hasScratch(session: Session): boolean {
    if (!session.core.wantsScratch || session.scratch) return true
    session.scratch = this.#parts.scratch.take()
    if (!session.scratch) this.#withoutScratch.add(session)
    return session.scratch !== undefined
  }

  #freeScratch(session: Session): void {
    if (!session.scratch) return
    this.#parts.scratch.release(session.scratch)
    session.scratch = undefined
    const [next] = this.#withoutScratch
    if (!next) return
    this.#withoutScratch.delete(next)
    this.#wake(next)
  }
}
