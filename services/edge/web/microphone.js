/**
 * The microphone as frames of 20 ms PCM16 at 16 kHz.
 *
 * An audio context at 16 kHz is tried first: then the browser resamples. Where it refuses to connect a microphone of
 * another rate (Firefox does), the context runs at the device's rate and the worklet resamples.
 */
import { OUTPUT_HZ } from './resampler.js'

/** How long to wait for the audio thread's last frame; it answers within milliseconds, unless the device is gone. */
const LAST_FRAME_MS = 500

/** A failure with words for the user. `code` is one of errors.js. */
export class MicrophoneError extends Error {
  constructor(code, options) {
    super(code, options)
    this.code = code
  }
}

export class Microphone {
  #stream
  #context
  #node
  #onFrame

  /**
   * Asks for permission, and starts.
   * @param {(frame: Int16Array) => void} onFrame
   * @param {() => void} onLost the device was unplugged, or the permission taken back
   */
  static async open(onFrame, onLost) {
    if (navigator.mediaDevices === undefined) throw new MicrophoneError('microphone_insecure')
    const microphone = new Microphone()
    microphone.#onFrame = onFrame
    try {
      microphone.#stream = await navigator.mediaDevices.getUserMedia({
        // Noise suppression is made for human ears; it takes away what recognisers use.
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: false, autoGainControl: true },
      })
      microphone.#stream.getAudioTracks()[0].addEventListener('ended', onLost)
      await microphone.#connect(OUTPUT_HZ).catch(() => microphone.#connect(undefined))
      return microphone
    } catch (error) {
      await microphone.#release()
      throw new MicrophoneError(CODES[error.name] ?? 'microphone_failed', { cause: error })
    }
  }

  async #connect(sampleRate) {
    await this.#context?.close()
    this.#context = new AudioContext({ latencyHint: 'interactive', ...(sampleRate && { sampleRate }) })
    await this.#context.audioWorklet.addModule(new URL('pcm-worklet.js', import.meta.url))
    const source = this.#context.createMediaStreamSource(this.#stream)
    this.#node = new AudioWorkletNode(this.#context, 'pcm', { numberOfInputs: 1, numberOfOutputs: 0 })
    this.#node.port.addEventListener('message', ({ data }) => {
      if (data !== 'ended') this.#onFrame(data)
    })
    this.#node.port.start()
    source.connect(this.#node)
    await this.#context.resume()
  }

  /** Delivers the last frames, then lets the device go. */
  async stop() {
    const node = this.#node
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, LAST_FRAME_MS)
      node.port.addEventListener('message', ({ data }) => {
        if (data !== 'ended') return
        clearTimeout(timer)
        resolve()
      })
      node.port.postMessage('end', [])
    })
    await this.#release()
  }

  async #release() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop()
    if (this.#context !== undefined && this.#context.state !== 'closed') await this.#context.close()
  }
}

/** Names of getUserMedia's failures, as the standard has them. */
const CODES = {
  NotAllowedError: 'microphone_denied',
  SecurityError: 'microphone_denied',
  NotFoundError: 'microphone_missing',
  OverconstrainedError: 'microphone_missing',
  NotReadableError: 'microphone_busy',
  AbortError: 'microphone_busy',
}
