/**
 * Runs on the browser's audio thread: the microphone's blocks in, frames of 20 ms PCM16 at 16 kHz out.
 *
 * Each frame is posted to the page with its memory, not a copy. The message 'end' posts what is left, then 'ended'.
 */
import { OUTPUT_HZ, Resampler, toPcm16 } from './resampler.js'

const FRAME_SAMPLES = OUTPUT_HZ / 50

class PcmProcessor extends AudioWorkletProcessor {
  /** Absent when the audio thread runs at 16 kHz already: the browser resampled. */
  #resampler = sampleRate === OUTPUT_HZ ? undefined : new Resampler(sampleRate)
  #frame = new Int16Array(FRAME_SAMPLES)
  #filled = 0
  #ended = false

  constructor() {
    super()
    this.port.addEventListener('message', ({ data }) => {
      if (data === 'end') this.#end()
    })
    this.port.start()
  }

  process(inputs) {
    const channels = inputs[0]
    if (channels.length > 0 && !this.#ended) this.#take(mono(channels))
    return !this.#ended
  }

  #take(samples) {
    this.#append(toPcm16(this.#resampler === undefined ? samples : this.#resampler.push(samples)))
  }

  #append(pcm) {
    for (let from = 0; from < pcm.length;) {
      const count = Math.min(pcm.length - from, FRAME_SAMPLES - this.#filled)
      this.#frame.set(pcm.subarray(from, from + count), this.#filled)
      this.#filled += count
      from += count
      if (this.#filled === FRAME_SAMPLES) this.#post()
    }
  }

  #post() {
    const frame = this.#frame.slice(0, this.#filled)
    this.port.postMessage(frame, [frame.buffer])
    this.#filled = 0
  }

  #end() {
    if (this.#ended) return
    if (this.#resampler !== undefined) this.#append(toPcm16(this.#resampler.end()))
    if (this.#filled > 0) this.#post()
    this.#ended = true
    this.port.postMessage('ended', [])
  }
}

/** The mean of the channels. The browser owns the arrays and reuses them, so a result is only valid within one call. */
function mono(channels) {
  if (channels.length === 1) return channels[0]
  const sum = new Float32Array(channels[0].length)
  for (const channel of channels) for (let i = 0; i < sum.length; i++) sum[i] += channel[i] / channels.length
  return sum
}

registerProcessor('pcm', PcmProcessor)
