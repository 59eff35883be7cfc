/** SentencePiece model files: the pieces in order of their ids, read and written. */
import { ModelError } from '../model-error.js'
import { SentencePieceModel } from '../gen/sentencepiece.js'

/** The largest vocabularies in use have some 256 thousand pieces; NeMo's have 128 to 1024. */
const PIECES_MAX = 300_000
const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const BYTE_PAIR_ENCODING = 2

/** Pieces by id. Throws ModelError 'bad_archive' where the bytes are not such a file. */
export function readPieces(bytes: Uint8Array): string[] {
  return readTokenizer(bytes).pieces
}

export interface Tokenizer {
  /** By id. A control piece (<s>) has no text, so it is empty here. */
  pieces: string[]
  /** All spaces at a text's start go, not the first one only. */
  trimsStart: boolean
}

/** Throws ModelError 'bad_archive' where the bytes are not a SentencePiece model. */
export function readTokenizer(bytes: Uint8Array): Tokenizer {
  let model: SentencePieceModel
  try {
    model = SentencePieceModel.decode(bytes)
  } catch (error) {
    throw new ModelError('bad_archive', `the tokenizer is not a SentencePiece model: ${(error as Error).message}`)
  }
  const pieces = model.pieces.map(({ piece, type }) => (type === CONTROL ? '' : piece))
  if (pieces.length === 0) throw new ModelError('bad_archive', 'the tokenizer has no pieces')
  if (pieces.length > PIECES_MAX) {
    throw new ModelError('bad_archive', `the tokenizer has ${pieces.length} pieces; at most ${PIECES_MAX} are read`)
  }
  return { pieces, trimsStart: model.normalizerSpec?.removeExtraWhitespaces ?? true }
}

/**
 * A byte-pair-encoding model that SentencePiece loads: piece 0 is the unknown one, the others are normal and rank by
 * their order. It has no start, end or padding pieces, as NeMo's recognisers have none.
 */
export function makeTokenizerModel(pieces: readonly string[]): Uint8Array {
  const rows = pieces.map((piece, id) => ({ piece, score: id === 0 ? 0 : 1 - id, type: id === 0 ? UNKNOWN : NORMAL }))
  return SentencePieceModel.encode({
    pieces: rows,
    trainerSpec: { modelType: BYTE_PAIR_ENCODING, vocabSize: rows.length, unkId: 0, bosId: -1, eosId: -1, padId: -1 },
    normalizerSpec: { name: 'identity', addDummyPrefix: true, removeExtraWhitespaces: true, escapeWhitespaces: true },
  }).finish()
}
