/**
 * Tokens of a turn as text and as words.
 *
 * SentencePiece pieces are joined over the whole turn, so the text is right across chunks: U+2581 is a space, the first
 * space (or all at the start) is dropped, <unk> reads " ⁇ ", bytes (<0xE2>) join to characters, and one space before a punctuation mark that
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
/** What Python's regular expressions call a space; bytes can make any of it. */
const SPACES = new Set('\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000')
for (let code = 0x2000; code <= 0x200a; code++) SPACES.add(String.fromCodePoint(code))

export class Transcript {
  readonly #pieces: readonly string[]
  readonly #trimsStart: boolean
  readonly #punctuation: ReadonlySet<string>
  readonly #tokens: number[] = []
  readonly #frames: number[] = []
  readonly #logProbs: number[] = []

  constructor(manifest: Pick<ModelManifest, 'pieces' | 'trimsStart'>) {
    this.#pieces = manifest.pieces
    this.#trimsStart = manifest.trimsStart ?? false
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
    const copy = new Transcript({ pieces: this.#pieces as string[], trimsStart: this.#trimsStart })
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
    let atStart = true
    const append = (text: string, token: number) => {
      const last = out.at(-1)
      if (last && SPACES.has(last.text) && this.#punctuation.has(text)) out.pop()
      out.push({ text, token })
    }
    const flushBytes = (end: number) => {
      if (bytes.length === 0) return
      const first = end - bytes.length
      for (const { text, lastByte } of charactersOf(bytes)) append(text, first + lastByte)
      bytes = []
      atStart = false
    }
    for (const [i, id] of this.#tokens.entries()) {
      const piece = this.#pieces[id] ?? ''
      const byte = BYTE_PIECE.exec(piece)
      if (byte) {
        bytes.push(Number.parseInt(byte[1]!, 16))
        continue
      }
      flushBytes(i)
      let text = piece === '<unk>' ? UNKNOWN : piece.replaceAll('\u2581', ' ')
      if (atStart && piece !== '<unk>' && text.startsWith(' ')) {
        text = text.slice(1)
        atStart = this.#trimsStart
      }
      if (text !== '') atStart = false
      for (const c of text) append(c, i)
    }
    flushBytes(this.#tokens.length)
    return out
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 as SentencePiece reads it: every byte that belongs to no character is one U+FFFD. */
function charactersOf(bytes: readonly number[]): { text: string; lastByte: number }[] {
  const out: { text: string; lastByte: number }[] = []
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i]!
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    let text = '\ufffd'
    let taken = 1
    try {
      text = utf8.decode(Uint8Array.from(bytes.slice(i, i + length)))
      taken = length
    } catch {
      // not a character: this byte alone is replaced
    }
    out.push({ text, lastByte: i + taken - 1 })
    i += taken
  }
  return out
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
