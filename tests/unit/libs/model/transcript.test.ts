/**
 * Goal: tokens read as NeMo's tokenizer reads them, over chunk borders too, and each word knows when it was said.
 * Method: small vocabularies with every kind of piece.
 */
import { expect } from 'chai'
import { Transcript } from '@yap/model'

const pieces = ['<unk>', '▁it', '▁', 's', "'", '▁the', 're', '<0xC3>', '<0xA4>', '▁…', '<0x1E>', '']

function transcriptOf(tokens: number[], split = tokens.length, trimsStart = false): Transcript {
  const t = new Transcript({ pieces, trimsStart })
  const add = (ids: number[], from: number) =>
    t.append({ tokens: ids, frames: ids.map((_, i) => (from + i) * 2), logProbs: ids.map(() => Math.log(0.5)) })
  add(tokens.slice(0, split), 0)
  add(tokens.slice(split), split)
  return t
}

describe('a transcript', () => {
  it('joins pieces, drops the first space and keeps a space that stands alone', () => {
    expect(transcriptOf([5, 6, 1]).text).to.equal('there it')
    expect(transcriptOf([5, 2]).text).to.equal('the ')
  })

  it('takes back the space before punctuation that the vocabulary has inside words, over a chunk border too', () => {
    expect(transcriptOf([1, 2, 4, 3], 2).text).to.equal("it's")
    expect(transcriptOf([1, 9]).text, 'a mark that only begins words keeps its space').to.equal('it …')
  })

  it('shows what is unknown, and joins bytes to characters', () => {
    expect(transcriptOf([1, 0, 5]).text).to.equal('it \u2047  the')
    expect(transcriptOf([5, 7, 8, 3]).text).to.equal('theäs')
  })

  it('replaces each byte that belongs to no character, and takes back a byte’s space before punctuation', () => {
    expect(transcriptOf([7, 7, 8, 8]).text).to.equal('\ufffdä\ufffd')
    expect(transcriptOf([1, 10, 4, 3]).text).to.equal("it's")
  })

  it('drops the first space, or all at the start where the tokenizer does; control pieces have no text', () => {
    expect(transcriptOf([2, 2, 5]).text).to.equal('  the')
    expect(transcriptOf([2, 2, 5, 2], 1, true).text).to.equal('the ')
    expect(transcriptOf([11, 5, 11, 3]).text).to.equal('thes')
    expect(transcriptOf([0, 5], 1, true).text).to.equal(' \u2047  the')
  })

  it('gives each word its span and the mean probability of its tokens', () => {
    expect(transcriptOf([1, 2, 4, 3, 5]).words()).to.deep.equal([
      { word: "it's", startMs: 0, endMs: 560, confidence: 0.5 },
      { word: 'the', startMs: 640, endMs: 720, confidence: 0.5 },
    ])
  })

  it('is copied by fork()', () => {
    const first = transcriptOf([1])
    const fork = first.fork()
    fork.append({ tokens: [5], frames: [9], logProbs: [0] })
    expect([first.text, fork.text]).to.deep.equal(['it', 'it the'])
  })
})
