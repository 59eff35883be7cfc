/**
 * Goal: tokens are a function of the samples alone: not of how they were pushed, nor of who else was in the batch, nor
 * of a copy, an export or an import on the way.
 * Method: random cuts and random mates (fast-check) of the golden input through the tiny model, against one push alone.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileNemo, ModelError, StreamingRecogniser, type Decoder } from '@yap/model'
import { sharedDir } from '../support/shared-dir.js'

const LOOK_AHEADS = ['70,0', '70,1', '70,6', '70,13']

describe('tokens depend on the samples alone', () => {
  const work = mkdtempSync(join(tmpdir(), 'yap-cuts-'))
  const alone = new Map<string, readonly number[]>()
  let recogniser: StreamingRecogniser
  let pcm: Int16Array
  after(async () => {
    await recogniser?.close()
    rmSync(work, { recursive: true, force: true })
  })

  before(async function () {
    const goldens = sharedDir(this, 'goldens')
    const bytes = readFileSync(join(goldens, 'golden/input.pcm'))
    pcm = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)).subarray(0, 48_000)
    const modelDir = join(work, 'tiny')
    await compileNemo(join(goldens, 'tiny.nemo'), modelDir)
    recogniser = await StreamingRecogniser.open(modelDir, { streams: 9 })
    for (const attCtx of LOOK_AHEADS) {
      for (const decoder of ['rnnt', 'ctc'] as const) {
        const stream = recogniser.stream({ attCtx, decoder })
        stream.push(pcm)
        stream.finish()
        await recogniser.stepAll()
        alone.set(`${attCtx}/${decoder}`, stream.tokens)
        stream.close()
      }
    }
  })

  const attCtxs = fc.constantFrom(...LOOK_AHEADS)
  const decoders = fc.constantFrom<Decoder>('rnnt', 'ctc')
  const cuts = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 40 })

  it('however they are cut into pushes', async function () {
    this.timeout(120_000)
    const property = fc.asyncProperty(attCtxs, decoders, cuts, async (attCtx, decoder, sizes) => {
      const stream = recogniser.stream({ attCtx, decoder })
      try {
        for (const part of parts(pcm, sizes)) {
          stream.push(part)
          await recogniser.stepAll()
        }
        stream.finish()
        await recogniser.stepAll()
        expect(stream.tokens).to.deep.equal(alone.get(`${attCtx}/${decoder}`))
      } finally {
        stream.close()
      }
    })
    await fc.assert(property, { numRuns: 60, seed: 1 })
  })

  it('whoever is in the batch, in whatever order they arrive', async function () {
    this.timeout(120_000)
    const mates = fc.array(fc.record({ attCtx: attCtxs, decoder: decoders, sizes: cuts, late: fc.nat(5) }), {
      minLength: 2,
      maxLength: 9,
    })
    const property = fc.asyncProperty(mates, async (all) => {
      const live = all.map((m) => ({ ...m, stream: recogniser.stream(m), parts: parts(pcm, m.sizes), ended: false }))
      try {
        for (let round = 0; live.some((m) => !m.ended); round++) {
          for (const m of live) {
            if (m.ended || round < m.late) continue
            const part = m.parts.shift()
            if (part) m.stream.push(part)
            else m.stream.finish()
            m.ended = part === undefined
          }
          await recogniser.stepAll()
        }
        for (const m of live) expect(m.stream.tokens).to.deep.equal(alone.get(`${m.attCtx}/${m.decoder}`))
      } finally {
        for (const m of live) m.stream.close()
      }
    })
    await fc.assert(property, { numRuns: 25, seed: 2 })
  })

  it('through a copy, and through an export and an import', async () => {
    for (const attCtx of LOOK_AHEADS) {
      const first = recogniser.stream({ attCtx, decoder: 'rnnt' })
      first.push(pcm.subarray(0, 30_000))
      await recogniser.stepAll()
      const copy = recogniser.fork(first)
      const moved = recogniser.fork(first)
      recogniser.import(moved, recogniser.export(first))
      first.close()
      for (const stream of [copy, moved]) {
        stream.push(pcm.subarray(30_000))
        stream.finish()
        await recogniser.stepAll()
        expect(stream.tokens, attCtx).to.deep.equal(alone.get(`${attCtx}/rnnt`))
        stream.close()
      }
    }
  })

  it('and a snapshot that is cut short or of another layout is refused by name', () => {
    const stream = recogniser.stream()
    const bytes = recogniser.export(stream)
    expect(() => recogniser.import(stream, bytes.subarray(0, 100))).to.throw(ModelError, /100 bytes does not fit/)
    const other = bytes.slice()
    other[4] = 99
    expect(() => recogniser.import(stream, other)).to.throw(ModelError, /layout 99/)
    const foreign = bytes.slice()
    foreign[30]! ^= 1
    expect(() => recogniser.import(stream, foreign)).to.throw(ModelError, /another model/)
    stream.close()
  })

  it('and no audio gives no text without a step', async () => {
    const stream = recogniser.stream()
    stream.finish()
    await recogniser.stepAll()
    expect([stream.text, stream.steps]).to.deep.equal(['', 0])
    stream.close()
  })
})

function parts(pcm: Int16Array, sizes: readonly number[]): Int16Array[] {
  const out: Int16Array[] = []
  for (let at = 0, i = 0; at < pcm.length; at += sizes[i % sizes.length]!, i++)
    out.push(pcm.subarray(at, at + sizes[i % sizes.length]!))
  return out
}
