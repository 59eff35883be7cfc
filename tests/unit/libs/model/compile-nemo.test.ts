/**
 * Goal: what Yap cannot run is refused by the name of its setting before any work, and nothing half-written stays.
 * Method: the tiny archive with one setting, one tensor or one byte changed at a time.
 */
import { expect } from 'chai'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  compileNemo,
  loadManifest,
  modelShapeOf,
  ModelError,
  openNemo,
  removeUnfinished,
  type NemoArchive,
} from '@yap/model'
import { sharedDir } from '../../../support/shared-dir.js'

describe('a model', () => {
  const work = mkdtempSync(join(tmpdir(), 'yap-compile-'))
  let tiny: NemoArchive
  let archive: string
  before(async function () {
    archive = sharedDir(this, 'goldens', 'tiny.nemo')
    tiny = await openNemo(archive)
  })
  after(async () => {
    await tiny?.close()
    rmSync(work, { recursive: true, force: true })
  })

  /** The tiny model's config with some settings replaced, by dotted path. */
  function configWith(changes: Record<string, unknown>): Record<string, unknown> {
    const config = structuredClone(tiny.config)
    for (const [path, value] of Object.entries(changes)) {
      const names = path.split('.')
      let at = config as Record<string, unknown>
      for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>
      at[names.at(-1)!] = value
    }
    return config
  }

  const refusals: [string, unknown, RegExp][] = [
    [
      'encoder.self_attention_model',
      'abs_pos',
      /^encoder\.self_attention_model: abs_pos is not supported; Yap runs rel_pos$/,
    ],
    ['encoder.att_context_style', 'regular', /^encoder\.att_context_style: regular is not supported/],
    ['encoder.att_context_size', [70, 16], /\[70,16\] is not supported; 17 \(right \+ 1\) must divide 70/],
    ['encoder.att_context_size', [-1, -1], /both contexts must be limited/],
    ['encoder.subsampling', 'striding', /^encoder\.subsampling: striding is not supported/],
    ['encoder.subsampling_factor', 4, /^encoder\.subsampling_factor: 4/],
    ['encoder.causal_downsampling', false, /^encoder\.causal_downsampling: false/],
    ['encoder.conv_context_size', [4, 4], /^encoder\.conv_context_size: 4,4/],
    ['encoder.conv_norm_type', 'group_norm', /Yap runs batch_norm, layer_norm$/],
    ['encoder.n_heads', 7, /^encoder\.n_heads: 7 does not divide d_model 64$/],
    ['encoder.d_model', 'wide', /^encoder\.d_model: wide is not a number$/],
    ['preprocessor.normalize', 'per_feature', /^preprocessor\.normalize: per_feature/],
    ['preprocessor.sample_rate', 8000, /^preprocessor\.sample_rate: 8000/],
    [
      'decoder._target_',
      'nemo.collections.asr.modules.StatelessTransducerDecoder',
      /StatelessTransducerDecoder is not supported/,
    ],
    ['joint.num_extra_outputs', 5, /^joint\.num_extra_outputs: 5/],
    ['joint.jointnet.activation', 'gelu', /Yap runs relu, tanh, sigmoid$/],
    ['aux_ctc', null, /^aux_ctc is missing/],
    ['encoder.n_layers', 900_000_000, /^encoder\.n_layers: 900000000 is too large/],
    ['encoder.att_context_size', [[2_000_000_000, 0]], /at most 10000 frames are$/],
    ['target', 'nemo.collections.asr.models.EncDecCTCModelBPE', /EncDecCTCModelBPE is not supported/],
  ]
  for (const [setting, value, message] of refusals) {
    it(`with ${setting} ${JSON.stringify(value)} is refused in one line`, () => {
      expect(() => modelShapeOf(configWith({ [setting]: value }))).to.throw(ModelError, message)
    })
  }

  it('is read with the sizes that its config names', () => {
    const shape = modelShapeOf(configWith({ 'encoder.conv_kernel_size': 5, 'decoding.greedy.max_symbols': null }))
    expect(shape).to.include({ mels: 80, layers: 3, modelDim: 64, convKernel: 5, vocabulary: 64, maxSymbols: 10 })
  })

  it('takes the symbols on one frame as NeMo does: no limit and 0 mean 10', () => {
    const limit = (greedy: object) => modelShapeOf(configWith({ 'decoding.greedy': greedy })).maxSymbols
    expect(limit({ max_symbols: 5 })).to.equal(5)
    expect(limit({ max_symbols: 0, max_symbols_per_step: 4 })).to.equal(4)
    expect([limit({}), limit({ max_symbols: null }), limit({ max_symbols: 0 })]).to.deep.equal([10, 10, 10])
  })

  it('compiles to a directory that says what it is, and replaces an older one', async () => {
    const out = join(work, 'fine')
    const seen: number[] = []
    const manifest = await compileNemo(archive, out, {
      name: 'tiny',
      licence: 'none',
      onProgress: (done) => seen.push(done),
    })
    expect(await loadManifest(out)).to.deep.equal(manifest)
    expect(manifest.lookAheads.map((l) => l.name)).to.deep.equal(['70,13', '70,6', '70,1', '70,0'])
    expect(manifest.parameters).to.equal(363_266)
    expect(seen.at(-1)).to.equal(Math.max(...seen))
    const again = await compileNemo(archive, out, { name: 'tiny', licence: 'none' })
    expect(again.hash, 'the same archive gives the same model').to.equal(manifest.hash)
    expect(readdirSync(work)).to.deep.equal(['fine'])
  })

  it('is not written where other files are', async () => {
    const out = join(work, 'taken')
    mkdirSync(out)
    writeFileSync(join(out, 'letter.txt'), 'mine')
    const error = await failureOf(compileNemo(archive, out))
    expect(error.message).to.match(/taken holds other files/)
    expect(readdirSync(out)).to.deep.equal(['letter.txt'])
  })

  it('that fails leaves nothing behind', async () => {
    const broken = join(work, 'broken.nemo')
    writeFileSync(broken, 'no archive at all')
    const error = await failureOf(compileNemo(broken, join(work, 'nothing')))
    expect(error.message.split('\n')).to.have.length(1)
    expect(existsSync(join(work, 'nothing'))).to.equal(false)
    expect(readdirSync(work).filter((name) => name.includes('tmp'))).to.deep.equal([])
  })

  it('that is interrupted leaves nothing behind', async () => {
    const out = join(work, 'interrupted')
    let during: string[] = []
    const onProgress = () => {
      during = during.concat(readdirSync(work).filter((name) => name.startsWith('interrupted')))
      removeUnfinished()
    }
    await compileNemo(archive, out, { onProgress }).catch(() => undefined)
    expect(during[0]).to.match(/^interrupted\.tmp-/)
    expect(readdirSync(work).filter((name) => name.startsWith('interrupted'))).to.deep.equal([])
  })

  it('that another process made meanwhile is kept when it is whole, and replaced when it is damaged', async () => {
    const out = join(work, 'shared')
    const { files } = await compileNemo(archive, out, { name: 'theirs' })
    await compileNemo(archive, out, { name: 'ours', keepExisting: true })
    expect((await loadManifest(out)).name).to.equal('theirs')
    truncateSync(join(out, 'model.weights'), 1000)
    const error = await failureOf(loadManifest(out))
    expect(error.message).to.contain(`model.weights has 1000 of ${files.weights.bytes} bytes; compile the model again`)
    await compileNemo(archive, out, { name: 'ours', keepExisting: true })
    expect((await loadManifest(out)).name).to.equal('ours')
  })

  it('directory of another format, or none, is refused with what to do', async () => {
    expect((await failureOf(loadManifest(work))).message).to.match(/no model\.json; make one with yap model compile/)
    const old = mkdtempSync(join(work, 'old-'))
    writeFileSync(join(old, 'model.json'), '{"format":0}')
    expect((await failureOf(loadManifest(old))).message).to.match(
      /has format 0, this version reads 1; compile the model again/,
    )
  })
})

async function failureOf(work: Promise<unknown>): Promise<ModelError> {
  try {
    await work
  } catch (error) {
    expect(error).to.be.instanceOf(ModelError)
    return error as ModelError
  }
  throw new Error('it did not fail')
}
