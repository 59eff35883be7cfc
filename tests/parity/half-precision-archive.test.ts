/**
 * Goal: an archive in half precision hears what NeMo's loop hears, which makes its features from the configuration in
 * float32, whatever rounding the checkpoint's own tables went through.
 * Method: the tiny archive with window and mel filters rounded to bfloat16 against the archive as it is: same log-mel.
 */
import { expect } from 'chai'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileNemo, openNemo, StreamingRecogniser, writeNemo } from '@yap/model'
import { sharedDir } from '../support/shared-dir.js'

describe('an archive in half precision', () => {
  const work = mkdtempSync(join(tmpdir(), 'yap-half-'))
  after(() => rmSync(work, { recursive: true, force: true }))

  it('has the features of the exact tables', async function () {
    const goldens = sharedDir(this, 'goldens')
    const exact = join(goldens, 'tiny.nemo')
    const rounded = join(work, 'rounded.nemo')
    const { config, tokenizerModel, pieces, checkpoint, close } = await openNemo(exact)
    const tensors = []
    for (const name of checkpoint.names()) {
      const data = await checkpoint.read(name)
      const table = name.startsWith('preprocessor.')
      tensors.push({ name, shape: checkpoint.shape(name), data: table ? data.map(toBfloat16) : data })
    }
    await writeNemo(rounded, { config, tokenizerModel, pieces, tensors })
    await close()

    const bytes = readFileSync(join(goldens, 'golden/input.pcm'))
    const pcm = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 64_000))
    const [a, b] = [await logMel(exact, pcm), await logMel(rounded, pcm)]
    expect(a.length).to.be.above(10_000)
    const worst = a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0)
    expect(worst).to.be.below(1e-4)
  })

  async function logMel(nemo: string, pcm: Int16Array): Promise<number[]> {
    const modelDir = mkdtempSync(join(work, 'model-'))
    await compileNemo(nemo, modelDir)
    const recogniser = await StreamingRecogniser.open(modelDir, { keepEncoded: true })
    const values: number[] = []
    const stream = recogniser.stream({ onStep: (_, result) => values.push(...result.logMel!) })
    stream.push(pcm)
    stream.finish()
    await recogniser.stepAll()
    await recogniser.close()
    return values
  }
})

/** Rounds to the nearest value with 8 significant bits. */
function toBfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)
  bits[0] = ((bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff_0000) >>> 0
  return new Float32Array(bits.buffer)[0]!
}
