/**
 * Tokens of a turn as text and as words.
 *
 * SentencePiece pieces are joined over the whole turn, so the text is right across chunks: U+2581 is a space, the first
 * space is dropped, <unk> reads " ⁇ ", bytes (<0xE2>) join to characters, and one space before a punctuation mark that
 * the vocabulary carries inside words is taken back ("it 's" -> "it's"). A later token can therefore remove a space that
 * an earlier text had. Source: decode_tokens_to_str_with_strip_punctuation of NeMo's rnnt_decoding.
 */
import { FRAME_MS } from './look-ahead.js'
import type { ModelManifest } from './manifest.js'

export interface Word {
  word: string
  /** From the turn's start. */
  startMs: number
  endMs: number
  /** Geometric mean of the probabilities of the word's tokens, 0..1. */
  confidence: number
}

/** What a decoder gives for some frames of a turn; equal lengths. */
export interface DecodedTokens {
  tokens: readonly number[]
  /** Encoder frame within the turn, 80 ms each. */
  frames: readonly number[]
  logProbs: readonly number[]
}

/** A character of the text, and the token that it came from. */
interface Character {
  text: string
  token: number
}

const BYTE_PIECE = /^<0x([0-9A-Fa-f]{2})>$/
const UNKNOWN = ' \u2047 '

export class Transcript {
  readonly #pieces: readonly string[]
  readonly #punctuation: ReadonlySet<string>
  readonly #tokens: number[] = []
  readonly #frames: number[] = []
  readonly #logProbs: number[] = []

  constructor(manifest: Pick<ModelManifest, 'pieces'>) {
    this.#pieces = manifest.pieces
    this.#punctuation = punctuationOf(manifest.pieces)
  }

  append(decoded: DecodedTokens): void {
    this.#tokens.push(...decoded.tokens)
    this.#frames.push(...decoded.frames)
    this.#logProbs.push(...decoded.logProbs)
  }

  get tokens(): readonly number[] {
    return this.#tokens
  }

  get text(): string {
    return this.#characters()
      .map((c) => c.text)
      .join('')
  }

  words(): Word[] {
    const words: Word[] = []
    let word = ''
    let members: number[] = []
    const finish = () => {
      if (word !== '') words.push(this.#word(word, members))
      word = ''
      members = []
    }
    for (const { text, token } of this.#characters()) {
      if (text === ' ') {
        finish()
        continue
      }
      word += text
      if (members.at(-1) !== token) members.push(token)
    }
    finish()
    return words
  }

  fork(): Transcript {
    const copy = new Transcript({ pieces: this.#pieces as string[] })
    copy.append({ tokens: this.#tokens, frames: this.#frames, logProbs: this.#logProbs })
    return copy
  }

  #word(word: string, tokens: readonly number[]): Word {
    const frames = tokens.map((i) => this.#frames[i]!)
    const mean = tokens.reduce((sum, i) => sum + this.#logProbs[i]!, 0) / tokens.length
    return {
      word,
      startMs: Math.min(...frames) * FRAME_MS,
      endMs: (Math.max(...frames) + 1) * FRAME_MS,
      confidence: Math.min(1, Math.exp(mean)),
    }
  }

  #characters(): Character[] {
    const out: Character[] = []
    let bytes: number[] = []
    const append = (text: string, token: number) => {
      const last = out.at(-1)
      if (last?.text === ' ' && this.#punctuation.has(text)) out.pop()
      out.push({ text, token })
    }
    const flushBytes = (token: number) => {
      if (bytes.length > 0) for (const c of new TextDecoder().decode(Uint8Array.from(bytes))) append(c, token)
      bytes = []
    }
    for (const [i, id] of this.#tokens.entries()) {
      const piece = this.#pieces[id] ?? ''
      const byte = BYTE_PIECE.exec(piece)
      if (byte) {
        bytes.push(Number.parseInt(byte[1]!, 16))
        continue
      }
      flushBytes(i - 1)
      let text = piece === '<unk>' ? UNKNOWN : piece.replaceAll('\u2581', ' ')
      if (i === 0 && piece !== '<unk>' && text.startsWith(' ')) text = text.slice(1)
      for (const c of text) append(c, i)
    }
    flushBytes(this.#tokens.length - 1)
    return out
  }
}

const punctuationByVocabulary = new WeakMap<readonly string[], ReadonlySet<string>>()

/** Punctuation characters of the pieces that continue a word. */
function punctuationOf(pieces: readonly string[]): ReadonlySet<string> {
  let marks = punctuationByVocabulary.get(pieces)
  if (!marks) {
    const inner = pieces.filter((p) => !/^(\u2581|##)/.test(p) && !/^(<.*>|\[.*\])$/.test(p))
    marks = new Set(inner.flatMap((p) => [...p].filter((c) => /\p{P}/u.test(c))))
    punctuationByVocabulary.set(pieces, marks)
  }
  return marks
}
