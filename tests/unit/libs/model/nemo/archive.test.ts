import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { ModelError, openNemo } from '@yap/model'
import {
  PIECES,
  nemoBytes,
  oneTensor,
  sentencePieces,
  torchCheckpoint,
  writeArchive,
} from '../../../../support/nemo-builder.js'
import { sharedDir } from '../../../../support/shared-dir.js'
import { temporaryFolder } from '../../../../support/temporary-folder.js'

/** The ModelError that opening gives; fails the test where it opens, or where the error has more than a line. */
async function refusal(path: string, workDir?: string): Promise<ModelError> {
  try {
    const archive = await openNemo(path, workDir ? { workDir } : {})
    await archive.close()
  } catch (error) {
    expect(error).to.be.instanceOf(ModelError)
    expect((error as Error).message).to.not.include('\n')
    return error as ModelError
  }
  throw new Error('it was opened')
}

describe('openNemo', () => {
  // Goal: every form of archive that NeMo and its users make reads the same; everything else is refused in one line.
  // Method: archives are built by hand (tests/support/nemo-builder.ts), not by the product's writer.
  const folder = temporaryFolder()

  const forms = [
    { title: 'with ./ before names, as NeMo writes', parts: {} },
    { title: 'without ./ before names', parts: { namePrefix: '' } },
    { title: 'with members in another order', parts: { reversed: true } },
    { title: 'gzipped', parts: { gzip: true } },
    { title: 'gzipped, without ./, in another order', parts: { gzip: true, namePrefix: '', reversed: true } },
    { title: 'with a tokenizer that the configuration does not name', parts: { config: 'joint: {num_classes: 4}' } },
  ]
  for (const { title, parts } of forms) {
    it(`reads an archive ${title}`, async () => {
      const archive = await openNemo(await writeArchive(folder.file('x.nemo'), parts), { workDir: folder.path })
      expect(archive.pieces).to.deep.equal(PIECES)
      expect(archive.config).to.have.property('joint')
      expect(archive.checkpoint.names()).to.deep.equal(['w'])
      expect(archive.checkpoint.shape('w')).to.deep.equal([2, 3])
      expect([...(await archive.checkpoint.read('w'))]).to.deep.equal([1, 2, 3, 4, 5, 6])
      await archive.close()
      expect(await readdir(folder.path)).to.deep.equal(['x.nemo'])
    })
  }

  it('reads what NeMo wrote', async function () {
    const archive = await openNemo(sharedDir(this, 'goldens', 'tiny.nemo'))
    expect(archive.pieces.slice(0, 3)).to.deep.equal(['<unk>', '\u2581t', '\u2581a'])
    expect(archive.pieces).to.have.length(64)
    expect(archive.checkpoint.shape('encoder.layers.0.conv.depthwise_conv.weight')).to.deep.equal([64, 1, 9])
    const window = await archive.checkpoint.read('preprocessor.featurizer.window')
    expect(window).to.have.length(400)
    expect(window[200]).to.be.closeTo(1, 1e-4)
    await archive.close()
  })

  const refused: { title: string; bytes: () => Buffer | Promise<Buffer>; code?: string; says: RegExp }[] = [
    { title: 'an empty file', bytes: () => Buffer.alloc(0), says: /is empty/ },
    { title: 'a text file', bytes: () => Buffer.from('hello\n'), says: /neither a tar nor a gzipped tar/ },
    {
      title: 'a long text file',
      bytes: () => Buffer.from('hello\n'.repeat(2000)),
      says: /neither a tar nor a gzipped/,
    },
    { title: 'a zip', bytes: oneTensor, says: /a \.nemo archive is a tar/ },
    {
      title: 'a Git LFS pointer',
      bytes: () => Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
      says: /git lfs/,
    },
    { title: 'a truncated tar', bytes: async () => (await nemoBytes()).subarray(0, 3000), says: /truncated/ },
    { title: 'a truncated gzip', bytes: async () => half(await nemoBytes({ gzip: true })), says: /truncated/ },
    {
      title: 'a corrupt gzip',
      bytes: async () => spoil(await nemoBytes({ gzip: true }), 20),
      says: /gzip stream is corrupt/,
    },
    { title: 'a gzipped text', bytes: () => gzipSync('hello'.repeat(500)), says: /neither a tar/ },
    { title: 'a corrupt tar header', bytes: async () => spoil(await nemoBytes(), 600), says: /tar is corrupt at byte/ },
    {
      title: 'no configuration',
      bytes: () => nemoBytes({ omit: 'model_config' }),
      says: /model_config\.yaml is missing/,
    },
    { title: 'no checkpoint', bytes: () => nemoBytes({ omit: 'ckpt' }), says: /model_weights\.ckpt is missing/ },
    { title: 'no tokenizer', bytes: () => nemoBytes({ omit: 'tokenizer' }), says: /_tokenizer\.model is missing/ },
    {
      title: 'a configuration of no YAML',
      bytes: () => nemoBytes({ config: 'a: [1' }),
      says: /model_config\.yaml is not YAML/,
    },
    { title: 'a configuration of one word', bytes: () => nemoBytes({ config: 'hello' }), says: /holds no settings/ },
    {
      title: 'another kind of tokenizer',
      bytes: () => nemoBytes({ config: 'tokenizer: {type: wpe}' }),
      code: 'unsupported',
      says: /tokenizer\.type: wpe is not supported/,
    },
    {
      title: 'a tokenizer of another size than the model',
      bytes: () => nemoBytes({ config: 'joint: {num_classes: 1024}' }),
      code: 'bad_model',
      says: /has 4 pieces, but joint\.num_classes in model_config\.yaml says 1024/,
    },
    {
      title: 'a tokenizer of other bytes',
      bytes: () => nemoBytes({ tokenizer: Buffer.from('zzzz') }),
      says: /SentencePiece/,
    },
    { title: 'a tokenizer of no pieces', bytes: () => nemoBytes({ tokenizer: sentencePieces([]) }), says: /no pieces/ },
  ]
  for (const { title, bytes, code = 'bad_archive', says } of refused) {
    it(`refuses ${title} in one line, and leaves nothing behind`, async () => {
      const work = folder.file('work')
      await mkdir(work)
      await writeFile(folder.file('x.nemo'), await bytes())
      const error = await refusal(folder.file('x.nemo'), work)
      expect(error.message).to.match(says)
      expect(error.message.startsWith(folder.file('x.nemo'))).to.equal(true)
      expect(error.code).to.equal(code)
      expect(await readdir(work)).to.deep.equal([])
    })
  }

  it('says when there is no such file, and when it is a folder', async () => {
    expect((await refusal(folder.file('absent.nemo'))).code).to.equal('not_found')
    expect((await refusal(folder.path)).message).to.match(/is not a file/)
  })

  it('says that a checkpoint from before torch 1.6, or of another byte order, is not supported', async () => {
    const old = await writeArchive(folder.file('old.nemo'), { checkpoint: Buffer.from([0x80, 2, 0x8a, 10]) })
    expect((await refusal(old)).message).to.match(/before 1\.6/)
    const big = await writeArchive(folder.file('big.nemo'), { checkpoint: torchCheckpoint({ byteOrder: 'big' }) })
    expect((await refusal(big)).message).to.match(/byte order "big"/)
  })
})

function half(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length / 2))
}

function spoil(bytes: Buffer, at: number): Buffer {
  const out = Buffer.from(bytes)
  for (let i = at; i < at + 40; i++) out[i] = out[i]! ^ 0xa5
  return out
}
