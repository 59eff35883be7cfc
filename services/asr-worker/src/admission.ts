/**
 * Who may come in. The worker is the authority on its own capacity: routers choose by heartbeats that may be stale, and
 * this answer mends their choice. Binds are idempotent by (session, epoch).
 */
import { Transcript, type LookAhead, type ModelManifest } from '@yap/model'
import { LIMITS, type BindRequest, type BindResponse } from '@yap/protocol'
import type { CostModel } from './cost-model.js'
import type { Scheduler } from './scheduler.js'
import { SessionCore, type SessionLimits } from './session-core.js'
import type { Session, SessionTable } from './session-table.js'

/** A session that moves may use the room that is kept from new ones, up to all of it. */
const FAILOVER_BUSY_SHARE_MAX = 1

export interface AdmissionParts {
  manifest: ModelManifest
  limits: SessionLimits
  sessions: SessionTable
  scheduler: Scheduler
  cost: CostModel
  draining: () => boolean
}

export class Admission {
  readonly #parts: AdmissionParts

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  bind(request: BindRequest, nowMs: number): BindResponse {
    const { manifest, sessions } = this.#parts
    const held = sessions.get(request.session)
    if (held && request.epoch < held.core.bind.epoch)
      return refusal('stale', `epoch ${request.epoch} of this session is older than ${held.core.bind.epoch}`)
    if (held && request.epoch === held.core.bind.epoch) return bound(held.core.bind.lookAhead)
    if (this.#parts.draining()) return refusal('draining', 'this worker is going away')
    const position = manifest.lookAheads.findIndex((lookAhead) => lookAhead.right === request.right)
    if (position < 0) return refusal('wrong_model', `look-ahead ${request.right}: ${this.#known()}`)
    if (request.modelHash !== '' && request.modelHash !== manifest.hash)
      return refusal('wrong_model', `this worker has ${manifest.name}, ${manifest.hash.slice(0, 12)}`)
    if (request.offset !== request.turnStart)
      return refusal('wrong_model', 'a session begins at the start of a turn here; snapshots are not accepted')
    // Of a session that comes back with a new epoch nothing of the old state is kept.
    if (held) this.#forget(held)
    return this.#admit(request, position, nowMs)
  }

  #admit(request: BindRequest, position: number, nowMs: number): BindResponse {
    const { manifest, limits, sessions, cost } = this.#parts
    const share = cost.busyShare(sessions.counts) + cost.sessionShare(position)
    const shareMax = request.failover ? FAILOVER_BUSY_SHARE_MAX : LIMITS.admitBusyShareMax
    // A worker that serves nobody takes one, however slow it is: it is all that its owner has.
    if (share > shareMax && sessions.liveCount > 0)
      return refusal('full', `busy share would be ${share.toFixed(2)}, at most ${shareMax} is admitted`)
    const slot = sessions.slots.take()
    if (!slot) return refusal('full', `all ${sessions.slots.size} slots are in use`)
    const lookAhead = manifest.lookAheads[position]!
    const core = new SessionCore({ ...request, lookAhead }, limits, () => new Transcript(manifest))
    const { session: id, edge, decoder } = request
    sessions.add({ id, edge, core, lookAhead: position, decoder, slot, scratch: undefined, heardAtMs: nowMs })
    return bound(lookAhead)
  }

  #forget(session: Session): void {
    this.#parts.scheduler.leave(session)
    this.#parts.sessions.remove(session)
  }

  #known(): string {
    return `this model has ${this.#parts.manifest.lookAheads.map((lookAhead) => lookAhead.name).join(', ')}`
  }
}

function bound({ right, firstChunkSamples, chunkSamples }: LookAhead): BindResponse {
  return { status: 'bound', geometry: { right, firstChunkSamples, chunkSamples } }
}

function refusal(status: 'full' | 'draining' | 'wrong_model' | 'stale', message: string): BindResponse {
  return { status, message }
}
