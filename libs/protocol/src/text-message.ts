/**
 * Results on NATS, worker -> edge (`yap.text.<edge>.<session>`): JSON, versioned, limited in size.
 *
 * Every message carries the whole standing of the session at the worker, so the newest one is enough to go on:
 *
 *   epoch, turn     of the bind, and the turn that the worker is receiving into
 *   received        every sample before this offset has arrived
 *   consumed        every sample before this offset has been stepped: the edge's credit
 *   checkpoint      replay would begin here (start of the turn of the oldest result that was not acknowledged)
 *   results         those not yet acknowledged, in order, repeated every resultRepeatMs until they are
 *   lagging         the worker is behind with this session and knows it: no reason to suspect it
 *   need            a gap: send again from this offset
 *   released        the close was taken and the slot is free; nothing more will come
 *   error           the session ended here, by this code (`internal`: its numbers went bad)
 *
 * Results are numbered through the whole session, 0, 1, 2…, by `index`: the steps of a turn in order and then its final. Which
 * results there are depends on the audio and the options alone, so a replay numbers them alike, and the edge can drop repeats
 * and compare. The bind says the index of the first result after its checkpoint. A `final` is at once the checkpoint that
 * follows it (turn + 1, at `end`, index + 1): one message, never two.
 * `flush` results (the idle tail on a copy) depend on the network's mood; they carry the index of the next real result without
 * using it up, are repeated at most twice, and are dropped once that index was delivered.
 */
import { z } from 'zod'
import { isErrorCode, ProtocolError, type ErrorCode } from './errors.js'
import { LIMITS } from './limits.js'

export const TEXT_VERSION = 1

/** [word, start ms, end ms, confidence 0..1]; times count from the start of the turn. */
export type WireWord = [word: string, startMs: number, endMs: number, confidence: number]

export type ResultKind = 'interim' | 'final' | 'flush'
/** Why a turn ended. */
export type FinalCause = 'finalize' | 'close' | 'endpoint'

export interface TextResult {
  readonly index: number
  readonly turn: number
  readonly kind: ResultKind
  /** Text of the turn so far; for a final, of the whole turn. */
  readonly text: string
  /** Session offset of the end of the audio that the text covers; for a final, where the next turn starts. */
  readonly end: number
  /** Only where the bind asked for words. */
  readonly words?: WireWord[]
  readonly cause?: FinalCause
  /** From the chunk being complete at the worker to the step's begin, and the step itself. */
  readonly queueMs?: number
  readonly stepMs?: number
}

export interface TextMessage {
  readonly epoch: number
  readonly turn: number
  readonly received: number
  readonly consumed: number
  readonly checkpoint: number
  readonly results: readonly TextResult[]
  readonly lagging?: boolean
  readonly need?: number
  readonly released?: boolean
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}

const u32 = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1)
const offset = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const ms = z.number().min(0)

const wordSchema = z.tuple([z.string().max(1000), ms, ms, z.number().min(0).max(1)])
const resultSchema = z.object({
  index: u32,
  turn: u32,
  kind: z.enum(['interim', 'final', 'flush']),
  text: z.string().max(LIMITS.textCharsMax),
  end: offset,
  words: z.array(wordSchema).max(LIMITS.textWordsMax).optional(),
  cause: z.enum(['finalize', 'close', 'endpoint']).optional(),
  queueMs: ms.optional(),
  stepMs: ms.optional(),
})
// Unknown fields are skipped: a newer worker may say more.
const messageSchema = z.object({
  v: z.literal(TEXT_VERSION),
  epoch: u32,
  turn: u32,
  received: offset,
  consumed: offset,
  checkpoint: offset,
  results: z.array(resultSchema).max(LIMITS.textResultsMax),
  lagging: z.boolean().optional(),
  need: offset.optional(),
  released: z.boolean().optional(),
  error: z.object({ code: z.custom<ErrorCode>(isErrorCode), message: z.string().max(1000) }).optional(),
})

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The message as bytes, with as many results as fit, oldest first; the rest waits for the acknowledgement of these. */
export function encodeTextMessage(message: TextMessage): Uint8Array {
  let results = message.results.slice(0, LIMITS.textResultsMax).map(withinLimits)
  for (;;) {
    const data = encoder.encode(JSON.stringify({ v: TEXT_VERSION, ...message, results }))
    if (data.length <= LIMITS.textMessageBytesMax) return data
    // Halving finds a size that fits in a few rounds; one result alone loses its words before its text.
    if (results.length > 1) results = results.slice(0, Math.ceil(results.length / 2))
    else if (results[0]?.words) results = [{ ...results[0], words: undefined }]
    else throw new ProtocolError(`text message of ${data.length} bytes exceeds ${LIMITS.textMessageBytesMax}`)
  }
}

function withinLimits(result: TextResult): TextResult {
  if (!result.words || result.words.length <= LIMITS.textWordsMax) return result
  return { ...result, words: undefined }
}

export function decodeTextMessage(data: Uint8Array): TextMessage {
  if (data.length > LIMITS.textMessageBytesMax)
    throw new ProtocolError(`text message of ${data.length} bytes exceeds ${LIMITS.textMessageBytesMax}`)
  const parsed = messageSchema.safeParse(parseJson(data))
  if (!parsed.success) throw new ProtocolError(`text message: ${z.prettifyError(parsed.error)}`)
  for (const [i, result] of parsed.data.results.entries()) {
    const before = parsed.data.results[i - 1]
    if (before && result.index < before.index)
      throw new ProtocolError(`text message: result ${result.index} after result ${before.index}`)
  }
  return parsed.data
}

/** JSON from a NATS payload; throws ProtocolError. */
export function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(data))
  } catch {
    throw new ProtocolError(`${data.length} bytes are not JSON`)
  }
}
