/**
 * JSON between client and edge (WebSocket text messages). Binary messages are audio and have no envelope.
 *
 * What the schema refuses is `bad_init`. What it lets through but this service does not offer (a rate, an encoding, a
 * look-ahead, a model) is `unsupported`, and the message lists what is offered: `checkEncoding` and `checkSampleRate` here,
 * the rest where the workers are known.
 */
import { z } from 'zod'
import { YapError, type ErrorCode } from './errors.js'
import { LIMITS, SAMPLE_RATE_HZ } from './limits.js'

export const ENCODINGS = ['pcm_s16le', 'pcm_f32le', 'mulaw', 'alaw'] as const
export type Encoding = (typeof ENCODINGS)[number]
export const DECODERS = ['rnnt', 'ctc'] as const
export type DecoderName = (typeof DECODERS)[number]

/** A label: printable characters, nothing that a terminal, a log or a subject could take for more. */
const SID_PATTERN = /^[^\p{C}\p{Zl}\p{Zp}*>]+$/u
const sidSchema = z
  .string({ error: 'sid must be a string' })
  .min(1, 'sid is empty')
  .max(LIMITS.sidCharsMax, `sid is longer than ${LIMITS.sidCharsMax} characters`)
  .regex(SID_PATTERN, 'sid has characters that are not printable, or one of * and >')

const name = z.string().min(1).max(256)

const resumeSchema = z.object({
  token: z.string().min(1).max(512),
  /** First turn without a final. */
  turn: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  /** Where that turn starts, in the client's own samples. */
  samples: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
})

const initSchema = z.object({
  op: z.literal('init'),
  sid: sidSchema,
  sr: z.number({ error: 'sr must be a number' }).default(SAMPLE_RATE_HZ),
  att_ctx: z.string().max(32).optional(),
  decoder: z.string().max(32).optional(),
  encoding: z.string().max(32).default('pcm_s16le'),
  words: z.boolean().default(false),
  interim: z
    .union([z.literal('step'), z.literal('change'), z.literal(false)], {
      error: 'interim must be "step", "change" or false',
    })
    .default('step'),
  endpoint_ms: z.number().int().min(LIMITS.endpointMsMin).max(LIMITS.endpointMsMax).optional(),
  model: name.optional(),
  resume: resumeSchema.optional(),
  ack: z.boolean().default(false),
})
const finalizeSchema = z.object({ op: z.literal('finalize') })
// The sid of a close is not looked at: a null in it must not cost anybody the last words.
const closeSchema = z.object({ op: z.literal('close') })

// Unknown fields are skipped, so that newer clients can talk to older servers.
const clientSchema = z.discriminatedUnion('op', [initSchema, finalizeSchema, closeSchema], {
  error: (issue) => (issue.code === 'invalid_union' ? 'op must be "init", "finalize" or "close"' : undefined),
})

export type InitMessage = z.infer<typeof initSchema>
export type ResumeOption = z.infer<typeof resumeSchema>
export type ClientMessage = z.infer<typeof clientSchema>

/** One JSON message of a client; throws YapError `bad_init` (or `too_large`) that says what is wrong with it. */
export function parseClientMessage(text: string): ClientMessage {
  if (text.length > LIMITS.clientJsonBytesMax)
    throw new YapError('bad_init', `JSON message of ${text.length} characters exceeds ${LIMITS.clientJsonBytesMax}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new YapError('bad_init', 'text message is not JSON')
  }
  const parsed = clientSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue?.path.join('.')
  throw new YapError('bad_init', `${where ? `${where}: ` : ''}${issue?.message ?? 'not a known message'}`)
}

/** The rate, if it can be resampled; throws `unsupported` with the range. */
export function checkSampleRate(sr: number): number {
  if (Number.isInteger(sr) && sr >= LIMITS.sampleRateHzMin && sr <= LIMITS.sampleRateHzMax) return sr
  throw new YapError(
    'unsupported',
    `sr ${sr} is not supported: whole numbers from ${LIMITS.sampleRateHzMin} to ${LIMITS.sampleRateHzMax} Hz are`,
  )
}

export function checkEncoding(encoding: string): Encoding {
  const known = ENCODINGS.find((e) => e === encoding)
  if (known) return known
  throw new YapError(
    'unsupported',
    `encoding ${JSON.stringify(encoding)} is not supported: ${ENCODINGS.join(', ')} are`,
  )
}

/** A word with its times in ms since the session began. */
export interface ClientWord {
  word: string
  start_ms: number
  end_ms: number
  confidence: number
}

export interface ReadyMessage {
  op: 'ready'
  sid: string
  session: string
  model: string
  att_ctx: string
  decoder: string
  chunk_ms: number
  /** Token that proves the right to resume this session. */
  resume: string
}
export interface InterimMessage {
  op: 'interim'
  sid: string
  text: string
  final: false
  /** Unix time, ms. */
  ts: number
  turn: number
  /** End of the audio that the text covers, ms since the session began. */
  offset_ms: number
  /** Age of that audio: from its arrival at the edge to now. */
  lag_ms: number
  words?: ClientWord[]
}
export interface FinalMessage {
  op: 'final'
  sid: string
  text: string
  final: true
  ts: number
  turn: number
  start_ms: number
  end_ms: number
  offset_ms: number
  lag_ms: number
  words?: ClientWord[]
}
export interface AckMessage {
  op: 'ack'
  sid: string
  samples: number
}
export interface ResumedMessage {
  op: 'resumed'
  sid: string
  /** Send again from here, in the client's own samples. */
  samples: number
  resume: string
}
export interface ErrorMessage {
  op: 'error'
  /** Absent where there was no init to learn it from. */
  sid?: string
  code: ErrorCode
  message: string
  retry_after_ms?: number
}
export type ServerMessage = ReadyMessage | InterimMessage | FinalMessage | AckMessage | ResumedMessage | ErrorMessage

const count = z.number().min(0)
const clientWords = z
  .array(z.object({ word: z.string(), start_ms: count, end_ms: count, confidence: count.max(1) }))
  .optional()
const textFields = {
  sid: z.string(),
  text: z.string(),
  ts: count,
  turn: count,
  offset_ms: count,
  lag_ms: count,
  words: clientWords,
}

/** What a client may rely on; used by our own clients and tests. */
export const serverMessageSchema = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('ready'),
    sid: z.string(),
    session: z.string(),
    model: z.string(),
    att_ctx: z.string(),
    decoder: z.string(),
    chunk_ms: count,
    resume: z.string(),
  }),
  z.object({ op: z.literal('interim'), final: z.literal(false), ...textFields }),
  z.object({ op: z.literal('final'), final: z.literal(true), start_ms: count, end_ms: count, ...textFields }),
  z.object({ op: z.literal('ack'), sid: z.string(), samples: count }),
  z.object({ op: z.literal('resumed'), sid: z.string(), samples: count, resume: z.string() }),
  z.object({
    op: z.literal('error'),
    sid: z.string().optional(),
    code: z.string(),
    message: z.string(),
    retry_after_ms: count.optional(),
  }),
])
