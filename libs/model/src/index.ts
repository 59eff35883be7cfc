/** From a .nemo archive to ONNX graphs, and from PCM to words. */
export * from './model-error.js'
export * from './look-ahead.js'
export * from './turn-audio.js'
export { openNemo, type NemoArchive, type OpenNemoOptions } from './nemo/archive.js'
export type { Checkpoint } from './nemo/checkpoint.js'
export { makeTokenizerModel, readPieces } from './nemo/sentencepiece.js'
