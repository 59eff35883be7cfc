/** Heartbeat of a worker (`yap.beat.<worker>`, five a second): everything that routers and edges know of it. JSON. */
import { z } from 'zod'
import { ProtocolError } from './errors.js'
import { isId, type Id } from './ids.js'
import { LIMITS } from './limits.js'
import { parseJson } from './text-message.js'

export const HEARTBEAT_VERSION = 1

const count = z.number().int().min(0)
const id = z.custom<Id>(isId, 'is not an id')

const schema = z.object({
  v: z.literal(HEARTBEAT_VERSION),
  /** Name of this run of the worker: part of its subjects. */
  worker: id,
  /** Given name (`asr-worker-1`): the same after a restart. */
  name: z.string().min(1).max(64),
  /** Changes with each start of the process. A new one of the same name means that the old one is dead. */
  incarnation: id,
  /** Counts this process's heartbeats. */
  seq: count,
  zone: z.string().max(64),
  /** host:port of the worker's gRPC door (Drain, Status). */
  grpc: z.string().max(256),
  model: z.object({
    name: z.string().max(256),
    /** Over everything that decides tokens. Sessions move only between equal hashes. */
    hash: z.string().max(128),
    description: z.string().max(2000),
    /** What the model knows, for people ("English digits: try 'three one four'"). */
    knows: z.string().max(2000),
    licence: z.string().max(256),
    /** Names, as "70,1". */
    lookAheads: z.array(z.string().max(16)).min(1).max(16),
    defaultLookAhead: z.string().max(16),
    decoders: z.array(z.enum(['rnnt', 'ctc'])).min(1),
  }),
  device: z.string().max(64),
  slots: count,
  sessions: count,
  /** Share of its time that its sessions will take, were they stepped in the batches that full load forms. 0..1 and above. */
  busyShare: z.number().min(0),
  /** Predicted share that one more session of each look-ahead would add, by name. */
  busySharePerSession: z.record(z.string().max(16), z.number().min(0)),
  /** Recent steps: median and 95th percentile, ms. */
  stepMsP50: z.number().min(0),
  stepMsP95: z.number().min(0),
  draining: z.boolean(),
})

export type Heartbeat = Omit<z.infer<typeof schema>, 'v'>

const encoder = new TextEncoder()

export const encodeHeartbeat = (heartbeat: Heartbeat): Uint8Array =>
  encoder.encode(JSON.stringify({ v: HEARTBEAT_VERSION, ...heartbeat }))

export function decodeHeartbeat(data: Uint8Array): Heartbeat {
  if (data.length > LIMITS.controlMessageBytesMax)
    throw new ProtocolError(`heartbeat of ${data.length} bytes exceeds ${LIMITS.controlMessageBytesMax}`)
  const parsed = schema.safeParse(parseJson(data))
  if (!parsed.success) throw new ProtocolError(`heartbeat: ${z.prettifyError(parsed.error)}`)
  const { v: _, ...heartbeat } = parsed.data
  return heartbeat
}
