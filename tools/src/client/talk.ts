/**
 * One talk: audio played into a session by the clock, and what a listener would want to know about the answer.
 *
 *   connect ──ready──> first frame ······· last frame, close ──> final
 *                      |<──── TTFW ──> first word               |
 *                      |<────────────── wall ────────────────────>|
 */
import type { ReadyMessage, ServerMessage } from '@yap/protocol'
import { framesOf, sendPaced } from './frame-pacer.js'
import { SpeechSession, type InitOptions } from './speech-session.js'

export interface TalkOptions {
  url: string
  init?: InitOptions
  /** 16-bit samples at init.sr, or frames of bytes that are on their way. */
  audio: Int16Array | AsyncIterable<Uint8Array>
  /** 1: real time. */
  speed: number
  frameMs?: number
  /** `finalize` asks for the final first and then closes; `close` does both with one message. */
  end?: 'close' | 'finalize'
  onMessage?: (message: ServerMessage, atMs: number) => void
  /** Ends the audio early; the final still comes. */
  stop?: AbortSignal
  /** Lets go of the connection at once. */
  signal?: AbortSignal
}

export interface Talk {
  text: string
  ready: ReadyMessage | undefined
  /** Until `ready`. */
  connectMs: number
  /** From the first frame to the final. */
  wallMs: number
  audioMs: number
  /** From the first frame to the first text with a word in it; undefined where none came. */
  ttfwMs: number | undefined
  /** Interim messages. */
  partials: number
  /** From `finalize` or `close` to the final. */
  flushToFinalMs: number
  /** For each interim: from the moment when the end of the audio that it covers was due here, to its arrival. */
  interimLatenciesMs: number[]
  /** When the first frame was due, on performance.now()'s clock. */
  startMs: number
  /** Most that a frame of ours was late. */
  lateMsMax: number
}

/** Rejects with SessionError. */
export async function talk(options: TalkOptions): Promise<Talk> {
  const { speed, frameMs = 20 } = options
  const sampleRateHz = options.init?.sr ?? 16_000
  const interims: { atMs: number; offsetMs: number | undefined }[] = []
  let firstWordMs: number | undefined
  let finalMs = 0
  const onMessage = (message: ServerMessage, atMs: number): void => {
    if (message.op === 'interim') interims.push({ atMs, offsetMs: message.offset_ms })
    if (message.op === 'final') finalMs = atMs
    if ((message.op === 'interim' || message.op === 'final') && message.text.trim() !== '') firstWordMs ??= atMs
    options.onMessage?.(message, atMs)
  }
  const connectingMs = performance.now()
  const session = await SpeechSession.open({
    url: options.url,
    onMessage,
    ...(options.init ? { init: options.init } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  })
  try {
    const connectMs = performance.now() - connectingMs
    const frameSamples = Math.round((sampleRateHz * frameMs) / 1000)
    const frames = options.audio instanceof Int16Array ? framesOf(options.audio, frameSamples) : options.audio
    const paced = await sendPaced(frames, session, {
      frameMs,
      speed,
      ...(options.stop ? { signal: options.stop } : {}),
    })
    const flushedMs = performance.now()
    if (options.end === 'finalize') {
      await session.finalize()
      const turnEndMs = finalMs
      await session.close()
      finalMs = turnEndMs
    } else await session.close()
    const audioMs = (paced.bytes / 2 / sampleRateHz) * 1000
    return {
      text: session.text,
      ready: session.ready,
      connectMs,
      wallMs: (finalMs || performance.now()) - paced.startMs,
      audioMs,
      ttfwMs: firstWordMs === undefined ? undefined : firstWordMs - paced.startMs,
      partials: interims.length,
      flushToFinalMs: (finalMs || performance.now()) - flushedMs,
      interimLatenciesMs: interims.flatMap(({ atMs, offsetMs }) => {
        if (offsetMs === undefined) return []
        const lastFrame = Math.max(0, Math.ceil(Math.min(offsetMs, audioMs) / frameMs) - 1)
        return [atMs - (paced.startMs + (lastFrame * frameMs) / speed)]
      }),
      startMs: paced.startMs,
      lateMsMax: paced.lateMsMax,
    }
  } finally {
    session.terminate()
  }
}
