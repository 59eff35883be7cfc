/** Vocabularies of made-up syllables, in the form of SentencePiece's: `<unk>`, then pieces with and without a word's mark. */

const ONSETS = ['', 'b', 'd', 'f', 'g', 'h', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'w', 'z', 'st', 'tr', 'pl']
const VOWELS = ['a', 'e', 'i', 'o', 'u', 'ai', 'ea', 'ou']
const CODAS = ['', 'n', 's', 't', 'r', 'l', 'm', 'ng']

/** Any count up to 2545; no piece twice. */
export function madeUpPieces(count: number): string[] {
  const pieces = new Set(['<unk>', '\u2581'])
  for (const coda of CODAS) {
    for (const vowel of VOWELS) {
      for (const onset of ONSETS) {
        for (const mark of ['\u2581', '']) {
          if (pieces.size < count) pieces.add(mark + onset + vowel + coda)
        }
      }
    }
  }
  if (pieces.size < count) throw new RangeError(`${count} pieces are asked for; at most ${pieces.size} can be made up`)
  return [...pieces].slice(0, count)
}
