/** What went wrong with a model, in one line that says what was found, what was expected, and what to do. */

/**
 *  bad_archive  the bytes are not a readable .nemo: truncated, corrupt, a member missing, a pickle that names code
 *  bad_model    the archive reads, but its parts contradict each other (shapes, vocabulary), or a directory is not a model
 *  unsupported  a well-made model or request of a kind that Yap does not run; the message names the setting
 *  not_found    no such model, file or name
 *  fetch        a download failed: network, server, checksum, permission
 *  disk         the file system refused: full, read-only, no permission
 *  engine       the inference runtime failed
 */
export type ModelErrorCode = 'bad_archive' | 'bad_model' | 'unsupported' | 'not_found' | 'fetch' | 'disk' | 'engine'

export class ModelError extends Error {
  readonly code: ModelErrorCode

  constructor(code: ModelErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ModelError'
    this.code = code
  }
}
