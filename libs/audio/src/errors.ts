/** What can be wrong with audio that somebody hands us, as one class with a stable code. */

export type AudioErrorCode =
  | 'not_audio' // the bytes are no WAV file (and nothing else could read them)
  | 'unsupported' // a WAV file of a format that is not read here
  | 'truncated' // the file ends before its header says so
  | 'empty' // no samples in it
  | 'too_long' // more audio than the limit
  | 'unreadable' // the file cannot be opened
  | 'no_ffmpeg' // ffmpeg would be needed and is not there
  | 'bad_rate' // a sample rate outside the limits

/** One line for a person: what was wrong, with the value and the limit, and what to do. */
export class AudioError extends Error {
  readonly code: AudioErrorCode

  constructor(code: AudioErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AudioError'
    this.code = code
  }
}
