/** Audio as numbers: PCM, WAV, companding, resampling, and decoding of files. */
export { AudioError, type AudioErrorCode } from './errors.js'
export {
  clampInt16,
  createPcmDecoder,
  pcmEncodings,
  sampleBytes,
  toInt16,
  type PcmDecoder,
  type PcmEncoding,
  type Samples,
} from './pcm.js'
export { resample, Resampler, resamplerHzMax, resamplerHzMin } from './resampler.js'
export { readAudioFile, streamAudioFile, type AudioFile, type AudioFileOptions } from './audio-file.js'
export { findFfmpeg } from './ffmpeg.js'
export type { WavSampleFormat } from './wav-format.js'
export { encodeWav, readWav, type WavAudio } from './wav.js'
