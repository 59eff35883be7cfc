import { readFile, readdir } from 'node:fs/promises'
import { expect } from 'chai'
import {
  ModelError,
  calibrateBlankBias,
  makeRandomModel,
  openNemo,
  type RandomModel,
  type RandomModelOptions,
} from '@yap/model'
import { sharedDir } from '../../../../support/shared-dir.js'
import { temporaryFolder } from '../../../../support/temporary-folder.js'

describe('makeRandomModel', () => {
  // Goal: a random model is the same for the same seed, has the real tables and sizes, and talks about as much as is asked.
  // Method: tiny ones, made and heard; the tables are compared with those that NeMo wrote.
  const folder = temporaryFolder()

  const make = (seed: number, name: string, sizes: RandomModelOptions['sizes'] = {}): Promise<RandomModel> =>
    makeRandomModel({ like: 'tiny', seed, outDir: folder.file(name), nemoPath: folder.file(`${name}.nemo`), sizes })

  it('gives the same archive and the same model for the same seed, and another for another', async () => {
    const sizes: RandomModelOptions['sizes'] = { layers: 1, attContexts: [[70, 1]] }
    const [a, b, c] = [await make(1, 'a', sizes), await make(1, 'b', sizes), await make(2, 'c', sizes)]
    expect(a.manifest.hash).to.equal(b.manifest.hash)
    expect(a.manifest.hash).to.not.equal(c.manifest.hash)
    expect((await readFile(folder.file('a.nemo'))).equals(await readFile(folder.file('b.nemo')))).to.equal(true)
    expect(await readdir(folder.path)).to.have.members(['a', 'a.nemo', 'b', 'b.nemo', 'c', 'c.nemo'])
  }).timeout(60_000)

  it('emits about as many tokens as are asked for at each look-ahead, without bursts', async () => {
    const { liveliness } = await make(1, 'a')
    expect(liveliness.map(({ lookAhead }) => lookAhead)).to.deep.equal(['70,13', '70,6', '70,1', '70,0'])
    for (const { lookAhead, tokensPerFrame, burst } of liveliness) {
      expect(tokensPerFrame, lookAhead).to.be.within(0.2, 0.45)
      expect(burst, lookAhead).to.be.at.most(3)
    }
  }).timeout(60_000)

  it('has the feature tables that NeMo has', async function () {
    this.timeout(60_000)
    const real = await openNemo(sharedDir(this, 'goldens', 'tiny.nemo'))
    await make(1, 'a')
    const random = await openNemo(folder.file('a.nemo'))
    expect(random.checkpoint.names()).to.have.members(real.checkpoint.names())
    for (const name of ['preprocessor.featurizer.window', 'preprocessor.featurizer.fb']) {
      const [ours, theirs] = [await random.checkpoint.read(name), await real.checkpoint.read(name)]
      expect(Math.max(...ours.map((v, i) => Math.abs(v - theirs[i]!)))).to.be.below(1e-6)
    }
    await real.close()
    await random.close()
  })

  it('says which sizes it knows', async () => {
    const error = await makeRandomModel({ like: 'huge', seed: 1, outDir: folder.file('x') }).catch((e: unknown) => e)
    expect(error).to.be.instanceOf(ModelError)
    expect((error as Error).message).to.match(/no architecture "huge" is known; there are nvidia\/stt_en_/)
  })
})

describe('calibrateBlankBias', () => {
  // Goal: the bias at which a falling rate meets the wanted one. Method: rates that are known functions of the bias.
  it('finds the bias of a smooth rate', async () => {
    const found = await calibrateBlankBias({ tokensPerFrame: (b) => 10 / (1 + b), wanted: 2, low: 0, high: 100 })
    expect(found.blankBias).to.be.closeTo(4, 0.3)
  })

  it('gives the nearest where the rate jumps', async () => {
    const found = await calibrateBlankBias({ tokensPerFrame: (b) => (b < 7 ? 10 : 0.1), wanted: 0.3, low: 0, high: 12 })
    expect(found.tokensPerFrame).to.equal(0.1)
  })
})
