/**
 * Bind: an edge asks a worker to take a session (request and reply on `yap.bind.<worker>`).
 *
 * Idempotent by (session, epoch): the same bind again gets the same answer and changes nothing. A higher epoch of a session
 * that the worker holds starts it anew from the bind's checkpoint: nothing of the old state is kept. A lower one is `stale`.
 */
import { z } from 'zod'
import { ProtocolError } from './errors.js'
import { isId, type Id } from './ids.js'
import { LIMITS } from './limits.js'
import { parseJson } from './text-message.js'

export const BIND_VERSION = 1

const id = z.custom<Id>(isId, 'is not an id')
const u32 = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1)
const offset = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

const requestSchema = z.object({
  v: z.literal(BIND_VERSION),
  session: id,
  epoch: u32,
  edge: id,
  /** Look-ahead R in encoder frames. */
  right: z.number().int().min(0).max(999),
  decoder: z.enum(['rnnt', 'ctc']),
  modelHash: z.string().max(128),
  turn: u32,
  turnStart: offset,
  /** First sample that the worker shall expect: the checkpoint. Without a snapshot it is turnStart. */
  offset,
  /** Index of the first result after the checkpoint. */
  index: u32,
  words: z.boolean(),
  interim: z.union([z.literal('step'), z.literal('change'), z.literal(false)]),
  /** A turn ends after so many ms of blanks that follow words; null: only by finalize and close. */
  endpointMs: z.number().int().min(LIMITS.endpointMsMin).max(LIMITS.endpointMsMax).nullable(),
  /** A session that moves may use the room that is kept from new ones. */
  failover: z.boolean(),
})
export type BindRequest = Omit<z.infer<typeof requestSchema>, 'v'>

const responseSchema = z.discriminatedUnion('status', [
  z.object({
    v: z.literal(BIND_VERSION),
    status: z.literal('bound'),
    geometry: z.object({
      right: z.number().int().min(0).max(999),
      firstChunkSamples: z.number().int().min(1),
      chunkSamples: z.number().int().min(1),
    }),
  }),
  z.object({
    v: z.literal(BIND_VERSION),
    status: z.enum(['full', 'draining', 'wrong_model', 'stale']),
    message: z.string().max(1000),
  }),
])
export type BindResponse =
  | { status: 'bound'; geometry: { right: number; firstChunkSamples: number; chunkSamples: number } }
  | { status: 'full' | 'draining' | 'wrong_model' | 'stale'; message: string }

const encoder = new TextEncoder()

export const encodeBindRequest = (request: BindRequest): Uint8Array =>
  encoder.encode(JSON.stringify({ v: BIND_VERSION, ...request }))
export const encodeBindResponse = (response: BindResponse): Uint8Array =>
  encoder.encode(JSON.stringify({ v: BIND_VERSION, ...response }))

export function decodeBindRequest(data: Uint8Array): BindRequest {
  const { v: _, ...request } = decode(requestSchema, data, 'bind request')
  return request
}

export function decodeBindResponse(data: Uint8Array): BindResponse {
  return decode(responseSchema, data, 'bind response')
}

function decode<T>(schema: z.ZodType<T>, data: Uint8Array, what: string): T {
  if (data.length > LIMITS.controlMessageBytesMax)
    throw new ProtocolError(`${what} of ${data.length} bytes exceeds ${LIMITS.controlMessageBytesMax}`)
  const parsed = schema.safeParse(parseJson(data))
  if (!parsed.success) throw new ProtocolError(`${what}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
