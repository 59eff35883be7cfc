/**
 * An audio file as frames of PCM16 at 16 kHz: decoded by the browser, sent at the speed of speech or faster.
 *
 * The whole file is decoded before the first frame: browsers offer nothing else that reads every format they play.
 */
import { OUTPUT_HZ, toPcm16 } from './resampler.js'

/** An hour of music-quality audio. Decoded, it takes a multiple of this in memory. */
export const FILE_BYTES_MAX = 200 * 1024 * 1024

const FRAME_SAMPLES = OUTPUT_HZ / 50
const TICK_MS = 20

/** Unsent bytes above which sending waits: enough to keep a fast network busy, little enough to stop at once. */
const UNSENT_BYTES_MAX = 128 * 1024

export class FileError extends Error {
  constructor(code, options) {
    super(code, options)
    this.code = code
  }
}

/**
 * @param {File} file
 * @returns {Promise<Int16Array>} 16 kHz mono
 */
export async function decodeFile(file) {
  if (file.size > FILE_BYTES_MAX) throw new FileError('file_too_large')
  const bytes = await file.arrayBuffer()
  let decoded
  try {
    // An offline context decodes to its own rate, so the browser resamples here, with its low-pass.
    decoded = await new OfflineAudioContext(1, 1, OUTPUT_HZ).decodeAudioData(bytes)
  } catch (error) {
    throw new FileError('file_unreadable', { cause: error })
  }
  if (decoded.length === 0) throw new FileError('file_empty')
  if (decoded.numberOfChannels === 1) return toPcm16(decoded.getChannelData(0))
  const mixer = new OfflineAudioContext(1, decoded.length, OUTPUT_HZ)
  const source = mixer.createBufferSource()
  source.buffer = decoded
  source.connect(mixer.destination)
  source.start()
  return toPcm16((await mixer.startRendering()).getChannelData(0))
}

export class FilePlayer {
  #pcm
  #speed
  #sent = 0
  #timer

  /**
   * @param {Int16Array} pcm
   * @param {number} speed 1: as spoken; 0: as fast as the service takes it
   */
  constructor(pcm, speed) {
    this.#pcm = pcm
    this.#speed = speed
  }

  /**
   * @param {(frame: Int16Array) => void} onFrame
   * @param {() => number} unsentBytes what the socket still holds; Infinity until it takes any
   * @param {() => void} onEnd the last frame was given out; not called after stop()
   */
  start(onFrame, unsentBytes, onEnd) {
    let startedMs
    const tick = () => {
      // The clock starts when frames can leave; otherwise those of the waiting time would come as one burst.
      if (unsentBytes() === Infinity) return
      startedMs ??= performance.now()
      const due = this.#speed === 0 ? Infinity : ((performance.now() - startedMs) / 1000) * OUTPUT_HZ * this.#speed
      while (this.#sent < Math.min(due, this.#pcm.length) && unsentBytes() < UNSENT_BYTES_MAX) {
        const frame = this.#pcm.slice(this.#sent, this.#sent + FRAME_SAMPLES)
        this.#sent += frame.length
        onFrame(frame)
      }
      if (this.#sent < this.#pcm.length) return
      this.stop()
      onEnd()
    }
    this.#timer = setInterval(tick, TICK_MS)
  }

  stop() {
    clearInterval(this.#timer)
  }
}
