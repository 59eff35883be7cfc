/** Who is here: sessions by id and by slot, how many of each look-ahead, and the slots that they hold. */
import assert from 'node:assert/strict'
import type { Decoder } from '@yap/model'
import type { Id } from '@yap/protocol'
import type { SessionCore } from './session-core.js'
import type { Slot, SlotTable } from './slots.js'

export interface Session {
  readonly id: Id
  readonly edge: Id
  readonly core: SessionCore
  /** Position in the manifest's list. */
  readonly lookAhead: number
  readonly decoder: Decoder
  /** Undefined exactly when the session is released or failed: it then lingers to answer its edge. */
  slot: Slot | undefined
  /** Holds the copy of an idle tail that takes more than one step. */
  scratch: Slot | undefined
  /** When its edge was last heard. */
  heardAtMs: number
}

export class SessionTable {
  readonly slots: SlotTable
  readonly #sessions = new Map<Id, Session>()
  readonly #bySlot = new Map<number, Session>()
  /** Sessions that hold a slot, by look-ahead. */
  readonly counts: number[]

  constructor(slots: SlotTable, lookAheads: number) {
    this.slots = slots
    this.counts = Array.from({ length: lookAheads }, () => 0)
  }

  /** Sessions that hold a slot. */
  get liveCount(): number {
    return this.#bySlot.size
  }

  get(id: Id): Session | undefined {
    return this.#sessions.get(id)
  }

  bySlot(index: number): Session | undefined {
    return this.#bySlot.get(index)
  }

  all(): IterableIterator<Session> {
    return this.#sessions.values()
  }

  /** Adds a session in a slot that was taken for it. */
  add(session: Session): void {
    assert(session.slot && !this.#sessions.has(session.id), 'a session needs a slot and a name of its own')
    this.#sessions.set(session.id, session)
    this.#bySlot.set(session.slot.index, session)
    this.counts[session.lookAhead]!++
  }

  /** The session needs its slot no more; it stays to answer its edge. */
  freeSlot(session: Session): void {
    if (!session.slot) return
    this.#bySlot.delete(session.slot.index)
    this.counts[session.lookAhead]!--
    this.slots.release(session.slot)
    session.slot = undefined
  }

  remove(session: Session): void {
    this.freeSlot(session)
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id)
  }
}
