/**
 * Goal: the demo model says what NeMo says, on people's recordings, through the whole streaming path.
 * Method: each recording of ../shared/samples at every look-ahead with both decoders, against NeMo's own tokens
 * (../shared/demo/samples-expect.json); word error rates are printed beside.
 */
import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAudioFile } from '@yap/audio'
import { DEMO_MODEL, resolveModel, StreamingRecogniser, type Decoder } from '@yap/model'
import { sharedDir } from '../support/shared-dir.js'
import { errorRate, wordErrors, type WordErrors } from '../support/word-errors.js'

interface Expected {
  tokens: number[]
  text: string
}

describe('the demo model on people’s recordings', () => {
  let expected: Record<string, Record<string, Expected>>
  let transcripts: Map<string, string>
  let recordings: Map<string, Int16Array>
  let recogniser: StreamingRecogniser

  before(async function () {
    const shared = sharedDir(this, 'demo', 'samples-expect.json')
    expected = JSON.parse(readFileSync(shared, 'utf8')).files
    const samples = sharedDir(this, 'samples')
    const rows = readFileSync(join(samples, 'transcripts.tsv'), 'utf8').trim().split('\n').slice(1)
    transcripts = new Map(rows.map((row) => row.split('\t').slice(0, 2) as [string, string]))
    recordings = new Map()
    for (const file of transcripts.keys()) recordings.set(file, (await readAudioFile(join(samples, file))).pcm)
    recogniser = await StreamingRecogniser.open(await resolveModel(DEMO_MODEL), { streams: recordings.size })
  })
  after(() => recogniser?.close())

  it("gives NeMo's tokens and texts at every look-ahead, with both decoders", async function () {
    this.timeout(120_000)
    for (const { name: attCtx } of recogniser.manifest.lookAheads) {
      for (const decoder of ['rnnt', 'ctc'] as const) {
        const heard = await transcribeAll(attCtx, decoder)
        const errors: WordErrors[] = []
        for (const [file, { tokens, text }] of heard) {
          const wanted = expected[file]![`${attCtx}/${decoder}`]!
          expect(tokens, `${file} ${attCtx} ${decoder}`).to.deep.equal(wanted.tokens)
          expect(text, `${file} ${attCtx} ${decoder}`).to.equal(wanted.text)
          errors.push(wordErrors(transcripts.get(file)!, text))
        }
        process.stderr.write(`      ${attCtx.padEnd(6)} ${decoder.padEnd(5)} word error rate ${errorRate(errors)}\n`)
      }
    }
  })

  it('loses little by a reset at the end of a turn: error rate of a long string, cut and uncut', async function () {
    this.timeout(120_000)
    for (const { name: attCtx } of recogniser.manifest.lookAheads) {
      const reference = [...transcripts.values()].join(' ')
      const cut = [...(await transcribeAll(attCtx, 'rnnt')).values()].map((h) => h.text).join(' ')
      const uncut = await transcribeAsOne(attCtx)
      const [cutErrors, uncutErrors] = [wordErrors(reference, cut), wordErrors(reference, uncut)]
      process.stderr.write(
        `      ${attCtx.padEnd(6)} turns cut by finalize ${errorRate([cutErrors])}, uncut ${errorRate([uncutErrors])}\n`,
      )
      // A reset that cost a word at each cut would be seen here.
      expect(cutErrors.errors).to.be.at.most(uncutErrors.errors + transcripts.size / 2)
    }
  })

  async function transcribeAll(attCtx: string, decoder: Decoder) {
    const streams = [...recordings].map(([file, pcm]) => {
      const stream = recogniser.stream({ attCtx, decoder })
      stream.push(pcm)
      stream.finish()
      return { file, stream }
    })
    await recogniser.stepAll()
    const heard = new Map(streams.map(({ file, stream }) => [file, { tokens: stream.tokens, text: stream.text }]))
    for (const { stream } of streams) stream.close()
    return heard
  }

  async function transcribeAsOne(attCtx: string): Promise<string> {
    const stream = recogniser.stream({ attCtx, decoder: 'rnnt' })
    for (const pcm of recordings.values()) stream.push(pcm)
    stream.finish()
    await recogniser.stepAll()
    stream.close()
    return stream.text
  }
})
