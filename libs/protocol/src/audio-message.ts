/**
 * Audio on NATS, edge -> worker (`yap.audio.<worker>.<session>`). Little endian; NATS keeps message boundaries.
 *
 *   0        1        2            4          8         12        16              24                 32
 *   | ver u8 | flag u8| reserved u16 | epoch u32 | turn u32 | ack u32 | offset u64    | turn start u64   | PCM s16 mono 16 kHz ...
 *
 * `offset` is the first sample's number since the session began. The samples are [offset, offset + n); n may be 0.
 * `turn` and `turn start` say which turn the samples belong to; `ack` is how many results the edge has (it wants index `ack` next).
 *
 * Rules for the receiver. They make loss, repetition and reordering harmless:
 *   - another epoch than the bind's: dropped.
 *   - samples it has are skipped; offset beyond what it has: a gap, nothing is taken, and a text message with `need` asks for it.
 *   - FINALIZE ends the turn at offset + n, CLOSE does the same and then lets the session go. A message's end of turn (turn t, at
 *     sample F) is for the worker's turn w that started at S as follows: w = t: ends w at F. w > t and S >= F: taken already,
 *     ignored. w > t and S < F: an endpoint overtook it; it ends w at F.
 *   - a message of turn w+1 that starts at F while the worker still receives w, or one whose turn starts at F > S: the
 *     message with FINALIZE at F was lost; the turn w ends at F all the same.
 *   - a message without FINALIZE or CLOSE that ends inside a chunk says that nothing more came for ASR_IDLE_FLUSH_MS: the
 *     incomplete tail is stepped on a copy at once, and the result sent as `flush`. (Not with REPLAY.)
 *   - an empty message, and one with REPLAY, is always answered by a text message, if only with the offsets.
 * The bytes of a version never change; a new layout is a new version, and unknown versions are refused.
 */
import { strict as assert } from 'node:assert'
import { ProtocolError } from './errors.js'
import { LIMITS } from './limits.js'

export const AUDIO_VERSION = 1
export const AUDIO_HEADER_BYTES = 32

export const AudioFlag = { FINALIZE: 1, CLOSE: 2, REPLAY: 4 } as const
const FLAGS_ALL = AudioFlag.FINALIZE | AudioFlag.CLOSE | AudioFlag.REPLAY

export interface AudioHeader {
  readonly flags: number
  readonly epoch: number
  readonly turn: number
  /** Results received: index of the next result that the edge wants. */
  readonly ack: number
  /** First sample's number since the session began. */
  readonly offset: number
  /** The sample at which the turn began. */
  readonly turnStart: number
}

export interface AudioMessage extends AudioHeader {
  /** A view on the message's bytes where they are aligned, else a copy. Valid as long as the buffer that was decoded. */
  readonly pcm: Int16Array
}

const U32_MAX = 2 ** 32 - 1

/** Writes header and samples at the start of `into`; returns the bytes used. `into` must hold 32 + 2 n bytes. */
export function encodeAudioMessage(header: AudioHeader, pcm: Int16Array, into: Uint8Array): number {
  const bytes = AUDIO_HEADER_BYTES + pcm.length * 2
  assert(into.length >= bytes, `buffer of ${into.length} bytes is too small for ${bytes}`)
  assert(
    pcm.length <= LIMITS.audioMessageSamplesMax,
    `${pcm.length} samples exceed audioMessageSamplesMax ${LIMITS.audioMessageSamplesMax}`,
  )
  assert((header.flags & ~FLAGS_ALL) === 0, `flags ${header.flags} are unknown`)
  for (const value of [header.epoch, header.turn, header.ack])
    assert(value >= 0 && value <= U32_MAX && Number.isInteger(value))
  assert(header.turnStart <= header.offset, `turn start ${header.turnStart} is after offset ${header.offset}`)
  const view = new DataView(into.buffer, into.byteOffset, bytes)
  view.setUint8(0, AUDIO_VERSION)
  view.setUint8(1, header.flags)
  view.setUint16(2, 0, true)
  view.setUint32(4, header.epoch, true)
  view.setUint32(8, header.turn, true)
  view.setUint32(12, header.ack, true)
  view.setBigUint64(16, BigInt(header.offset), true)
  view.setBigUint64(24, BigInt(header.turnStart), true)
  into.set(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength), AUDIO_HEADER_BYTES)
  return bytes
}

/** Reads one message; throws ProtocolError for anything that is not exactly one. */
export function decodeAudioMessage(data: Uint8Array): AudioMessage {
  if (data.length < AUDIO_HEADER_BYTES)
    throw new ProtocolError(`audio message of ${data.length} bytes is shorter than its header of ${AUDIO_HEADER_BYTES}`)
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const version = view.getUint8(0)
  if (version !== AUDIO_VERSION)
    throw new ProtocolError(`audio message of version ${version}; this is version ${AUDIO_VERSION}`)
  const pcmBytes = data.length - AUDIO_HEADER_BYTES
  if (pcmBytes % 2 !== 0) throw new ProtocolError(`audio message with ${pcmBytes} bytes of samples: half a sample`)
  if (pcmBytes > LIMITS.audioMessageSamplesMax * 2)
    throw new ProtocolError(`audio message with ${pcmBytes / 2} samples exceeds ${LIMITS.audioMessageSamplesMax}`)
  const flags = view.getUint8(1)
  if ((flags & ~FLAGS_ALL) !== 0) throw new ProtocolError(`audio message with unknown flags ${flags}`)
  const offset = safeNumber(view.getBigUint64(16, true))
  const turnStart = safeNumber(view.getBigUint64(24, true))
  if (turnStart > offset)
    throw new ProtocolError(`audio message at offset ${offset} before its turn's start ${turnStart}`)
  return {
    flags,
    epoch: view.getUint32(4, true),
    turn: view.getUint32(8, true),
    ack: view.getUint32(12, true),
    offset,
    turnStart,
    pcm: samplesOf(data, pcmBytes),
  }
}

/** Payloads arrive at any address; an Int16Array needs an even one. */
function samplesOf(data: Uint8Array, pcmBytes: number): Int16Array {
  const at = data.byteOffset + AUDIO_HEADER_BYTES
  if (at % 2 === 0) return new Int16Array(data.buffer, at, pcmBytes / 2)
  // Not data.slice(): of a Buffer that is a view, not a copy.
  return new Int16Array(Uint8Array.from(data.subarray(AUDIO_HEADER_BYTES)).buffer, 0, pcmBytes / 2)
}

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError(`offset ${value} is beyond any session`)
  return Number(value)
}
