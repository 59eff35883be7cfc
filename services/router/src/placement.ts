/**
 * Which worker? A pure function of the table and the request: two random choices, the one with the lower predicted load.
 *
 * Capacity is time. A worker's load is the share of its time that its sessions' steps will take. New sessions are admitted
 * below admitBusyShareMax of the worker, and below (n-1)/n of the fleet where n > 1, so that one worker may die; sessions that
 * move (failover) may use what is kept back from new ones. Nobody is queued.
 */
import { LIMITS, type ErrorCode, type Heartbeat, type Id } from '@yap/protocol'
import type { KnownWorker } from '@yap/runtime'

export interface PlacementRequest {
  readonly zone: string
  /** "70,1"; empty: each model's default. */
  readonly lookAhead: string
  readonly decoder: string
  /** Name, or its part after the last slash; empty: any model. */
  readonly model: string
  /** Empty: any. */
  readonly modelHash: string
  readonly failover: boolean
  readonly exclude: readonly string[]
}

export interface Placed {
  readonly worker: Id
  /** Undefined where there is no second worker. */
  readonly standby: Id | undefined
  readonly model: string
  readonly modelHash: string
  readonly lookAhead: string
}
export interface Refused {
  readonly error: Extract<ErrorCode, 'capacity' | 'unsupported'>
  readonly message: string
}

/** Load that a worker does not know of yet: placed there since its last heartbeat. */
export type PendingLoad = (worker: Id) => { readonly busyShare: number; readonly sessions: number }

export function place(
  workers: readonly KnownWorker[],
  request: PlacementRequest,
  pending: PendingLoad,
  random: () => number,
): Placed | Refused {
  if (workers.length === 0) return { error: 'capacity', message: 'no worker is up' }
  const offered = whoOffers(workers, request)
  if (!Array.isArray(offered)) return offered
  const usable = offered.filter((w) => w.life === 'up' && !request.exclude.includes(w.beat.worker))
  const fleetFull = !request.failover && isFleetFull(usable, request, pending)
  const roomy = fleetFull ? [] : usable.filter((w) => hasRoom(w, request, pending))
  const near = roomy.filter((w) => w.beat.zone === request.zone)
  const chosen = lighterOfTwo(near.length > 0 ? near : roomy, pending, random)
  if (!chosen) return { error: 'capacity', message: whyFull(usable, fleetFull) }
  const model = chosen.beat.model
  // A standby is a name; it must only be able to take the session on, so it is judged as for a failover.
  const others = usable.filter((w) => w !== chosen && w.beat.model.hash === model.hash)
  const standbys = others.filter((w) => hasRoom(w, { ...request, failover: true }, pending))
  return {
    worker: chosen.beat.worker,
    standby: lighterOfTwo(standbys, pending, random)?.beat.worker,
    model: model.name,
    modelHash: model.hash,
    lookAhead: request.lookAhead || model.defaultLookAhead,
  }
}

/** Workers that offer what is asked, or the refusal that lists what is offered. */
function whoOffers(workers: readonly KnownWorker[], request: PlacementRequest): KnownWorker[] | Refused {
  const named = workers.filter((w) => isNamed(w.beat, request.model))
  if (named.length === 0)
    return unsupported(
      'model',
      request.model,
      workers.map((w) => w.beat.model.name),
    )
  const hashed = named.filter((w) => !request.modelHash || w.beat.model.hash === request.modelHash)
  if (hashed.length === 0) return { error: 'capacity', message: 'no worker has the same model' }
  const decoding = hashed.filter((w) => w.beat.model.decoders.some((d) => d === request.decoder))
  if (decoding.length === 0)
    return unsupported(
      'decoder',
      request.decoder,
      hashed.flatMap((w) => w.beat.model.decoders),
    )
  const looking = decoding.filter((w) => !request.lookAhead || w.beat.model.lookAheads.includes(request.lookAhead))
  if (looking.length === 0)
    return unsupported(
      'att_ctx',
      request.lookAhead,
      decoding.flatMap((w) => w.beat.model.lookAheads),
    )
  return looking
}

function unsupported(what: string, value: string, offered: readonly string[]): Refused {
  return {
    error: 'unsupported',
    message: `${what} ${JSON.stringify(value)} is not supported: ${[...new Set(offered)].join('; ')} are`,
  }
}

function isNamed(beat: Heartbeat, model: string): boolean {
  const name = beat.model.name
  return model === '' || name === model || name.slice(name.lastIndexOf('/') + 1) === model
}

function loadOf(w: KnownWorker, pending: PendingLoad): number {
  return w.beat.busyShare + pending(w.beat.worker).busyShare
}

/** What this session adds to a worker; a look-ahead that was not measured counts as the dearest one. */
export function shareOf(beat: Heartbeat, lookAhead: string): number {
  const shares = beat.busySharePerSession
  return shares[lookAhead || beat.model.defaultLookAhead] ?? Math.max(0, ...Object.values(shares))
}

function hasRoom(w: KnownWorker, request: PlacementRequest, pending: PendingLoad): boolean {
  const sessions = w.beat.sessions + pending(w.beat.worker).sessions
  if (sessions >= w.beat.slots) return false
  // As the worker itself: one that serves nobody takes one, however slow it is.
  if (sessions === 0) return true
  const limit = request.failover ? 1 : LIMITS.admitBusyShareMax
  return loadOf(w, pending) + shareOf(w.beat, request.lookAhead) <= limit
}

function isFleetFull(workers: readonly KnownWorker[], request: PlacementRequest, pending: PendingLoad): boolean {
  const n = workers.length
  if (n < 2) return false
  const load = workers.reduce((sum, w) => sum + loadOf(w, pending), 0)
  const added = Math.min(...workers.map((w) => shareOf(w.beat, request.lookAhead)))
  // In units of whole workers: n - 1 of them must be able to carry everything.
  return load + added > n - 1
}

function lighterOfTwo(
  candidates: readonly KnownWorker[],
  pending: PendingLoad,
  random: () => number,
): KnownWorker | undefined {
  if (candidates.length === 0) return undefined
  const i = Math.floor(random() * candidates.length)
  // The second is drawn from the rest, so that two candidates are always both looked at.
  const j = (i + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length
  const a = candidates[i]!
  const b = candidates[j]!
  return loadOf(b, pending) < loadOf(a, pending) ? b : a
}

function whyFull(usable: readonly KnownWorker[], fleetFull: boolean): string {
  if (usable.length === 0) return 'no worker can take sessions now'
  if (fleetFull) return `the ${usable.length} workers are full: one of them must be able to die`
  return usable.length === 1 ? 'the worker is full' : `all ${usable.length} workers are full`
}
