import { readFile, readdir } from 'node:fs/promises'
import { expect } from 'chai'
import { ModelError, makeTokenizerModel, openNemo, readPieces, writeNemo, type NamedTensor } from '@yap/model'
import { sharedDir } from '../../../../support/shared-dir.js'
import { temporaryFolder } from '../../../../support/temporary-folder.js'

describe('writeNemo', () => {
  // Goal: what is written reads as it was given, is the same bytes each time, and is whole or absent.
  // Method: round trips through openNemo. That NeMo itself restores such archives was checked by hand with NeMo 3.0.
  const folder = temporaryFolder()
  // Three of these are booleans to a reader of YAML 1.1, which NeMo's is.
  const pieces = ['<unk>', '\u2581on', 'no', 'y', "'", '\u2581']
  const config = { joint: { num_classes: 6, vocabulary: pieces }, encoder: { d_model: 2, dropout: 0.1 } }
  const content = (tensors: Iterable<NamedTensor>) => ({
    config,
    pieces,
    tokenizerModel: makeTokenizerModel(pieces),
    tensors,
  })

  const tensors: NamedTensor[] = [
    { name: 'a.weight', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'b.bias', shape: [1], data: () => Float32Array.of(-0.5) },
    { name: 'c.scalar', shape: [], data: Float32Array.of(7) },
    { name: 'd.large', shape: [700, 1000], data: () => new Float32Array(700_000).fill(0.25) },
  ]

  it('writes what openNemo reads', async () => {
    await writeNemo(folder.file('x.nemo'), content(tensors))
    const archive = await openNemo(folder.file('x.nemo'))
    expect(archive.pieces).to.deep.equal(pieces)
    expect(archive.config).to.deep.include(config)
    expect(archive.checkpoint.names()).to.deep.equal(tensors.map(({ name }) => name))
    for (const { name, shape, data } of tensors) {
      expect(archive.checkpoint.shape(name)).to.deep.equal(shape)
      expect(await archive.checkpoint.read(name)).to.deep.equal(typeof data === 'function' ? data() : data)
    }
    await archive.close()
    expect(await readdir(folder.path)).to.deep.equal(['x.nemo'])
  })

  it('writes the same bytes for the same content', async () => {
    await writeNemo(folder.file('x.nemo'), content(tensors))
    await writeNemo(folder.file('y.nemo'), content(tensors))
    expect((await readFile(folder.file('x.nemo'))).equals(await readFile(folder.file('y.nemo')))).to.equal(true)
  })

  it('keeps every tensor of an archive that NeMo wrote', async function () {
    const first = await openNemo(sharedDir(this, 'goldens', 'tiny-bn.nemo'))
    const copies: NamedTensor[] = []
    for (const name of first.checkpoint.names()) {
      copies.push({ name, shape: first.checkpoint.shape(name), data: await first.checkpoint.read(name) })
    }
    await writeNemo(folder.file('again.nemo'), { ...first, tensors: copies })
    const second = await openNemo(folder.file('again.nemo'))
    expect(second.pieces).to.deep.equal(first.pieces)
    for (const { name, data } of copies) expect(await second.checkpoint.read(name)).to.deep.equal(data)
    await first.close()
    await second.close()
  })

  it('leaves nothing behind when a tensor is not what its shape says', async () => {
    const wrong = [...tensors, { name: 'e', shape: [3], data: () => Float32Array.of(1) }]
    const failure = await writeNemo(folder.file('x.nemo'), content(wrong)).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(ModelError)
    expect((failure as Error).message).to.equal('tensor e of shape 3 was given 1 numbers')
    expect(await readdir(folder.path)).to.deep.equal([])
  })

  it('says when the folder is not there', async () => {
    const failure = await writeNemo(folder.file('no/x.nemo'), content(tensors)).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(ModelError).with.property('code', 'disk')
  })

  it('makes tokenizers with the pieces in order', () => {
    expect(readPieces(makeTokenizerModel(pieces))).to.deep.equal(pieces)
  })
})
