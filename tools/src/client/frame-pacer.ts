/**
 * Sends frames by the clock: frame i is due at start + i x frameMs / speed, whatever happened to the frames before it.
 *
 * Open loop: a frame that is late does not move the ones after it, so a slow server cannot make its own test easier. Late
 * frames go out together, at once. Only TCP can hold them back, as it would hold back a microphone's.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { sleep } from './sleep.js'

export interface PaceOptions {
  /** Length of one frame. */
  frameMs: number
  /** 1: real time. 1000: as fast as the server takes it. */
  speed: number
  signal?: AbortSignal
}

export interface PacedSender {
  send(frame: Uint8Array): void
  writable(): Promise<void>
}

export interface Paced {
  /** When the first frame was due, on performance.now()'s clock. */
  startMs: number
  frames: number
  bytes: number
  /** Most that a frame was late, ms: this program's own doing, or TCP's. */
  lateMsMax: number
}

/** A sender that is behind its clock lets answers in this often; otherwise it would hear the first word after the last frame. */
const unreadMsMax = 2

export async function sendPaced(
  frames: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  sender: PacedSender,
  options: PaceOptions,
): Promise<Paced> {
  const stepMs = options.frameMs / options.speed
  const paced: Paced = { startMs: performance.now(), frames: 0, bytes: 0, lateMsMax: 0 }
  let readMs = paced.startMs
  for await (const frame of frames) {
    if (options.signal?.aborted) break
    // A live source begins when its first frame is there, not when we began to wait for it.
    if (paced.frames === 0) paced.startMs = performance.now()
    const dueMs = paced.startMs + paced.frames * stepMs
    if (await untilDue(dueMs, options.signal)) readMs = performance.now()
    else if (performance.now() - readMs > unreadMsMax) {
      await nextTurn()
      readMs = performance.now()
    }
    await sender.writable()
    paced.lateMsMax = Math.max(paced.lateMsMax, performance.now() - dueMs)
    sender.send(frame)
    paced.frames++
    paced.bytes += frame.length
  }
  return paced
}

/** Whether there was time to wait. Timers fire up to a millisecond early; half of that is let pass. */
async function untilDue(dueMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  let waited = false
  for (;;) {
    const earlyMs = dueMs - performance.now()
    if (earlyMs < 0.5 || signal?.aborted) return waited
    await sleep(earlyMs, signal)
    waited = true
  }
}

/** Cuts samples into frames of PCM16LE bytes; the last one may be shorter. */
export function* framesOf(pcm: Int16Array, frameSamples: number): Generator<Uint8Array> {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
  for (let at = 0; at < bytes.length; at += frameSamples * 2) yield bytes.subarray(at, at + frameSamples * 2)
}

/** Cuts a stream of bytes into frames. */
export async function* framesOfStream(
  stream: AsyncIterable<Uint8Array>,
  frameBytes: number,
): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(0)
  for await (const bytes of stream) {
    const all = held.length === 0 ? bytes : Buffer.concat([held, bytes])
    let at = 0
    for (; at + frameBytes <= all.length; at += frameBytes) yield all.subarray(at, at + frameBytes)
    held = all.slice(at)
  }
  if (held.length > 0) yield held
}
