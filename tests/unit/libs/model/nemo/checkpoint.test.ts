import { deflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { ModelError, openNemo, type NemoArchive } from '@yap/model'
import { torchCheckpoint, writeArchive, zip, type CheckpointParts } from '../../../../support/nemo-builder.js'
import { op, pickledStateDict, uint32 } from '../../../../support/pickle-assembler.js'
import { temporaryFolder } from '../../../../support/temporary-folder.js'

describe('a checkpoint', () => {
  // Goal: tensors come out as torch would give them, whatever way they are stored; and a pickle makes nothing but tensors.
  // Method: storages and pickles are written by hand, so that each case has exactly the bytes that its title says.
  const folder = temporaryFolder()
  let opened: NemoArchive | undefined

  afterEach(async () => {
    await opened?.close()
    opened = undefined
  })

  async function open(checkpoint: Buffer): Promise<NemoArchive['checkpoint']> {
    opened = await openNemo(await writeArchive(folder.file('x.nemo'), { checkpoint }))
    return opened.checkpoint
  }

  async function refusal(checkpoint: Buffer): Promise<string> {
    try {
      await (await open(checkpoint)).read('w')
    } catch (error) {
      expect(error).to.be.instanceOf(ModelError)
      return (error as Error).message
    }
    throw new Error('it was read')
  }

  const numbers = [0, -1.5, 2, 65504, 2 ** -14, -(2 ** -24), 1]
  const halves = [0x0000, 0xbe00, 0x4000, 0x7bff, 0x0400, 0x8001, 0x3c00]
  const types: [string, Buffer, number[]][] = [
    ['FloatStorage', Buffer.from(Float32Array.from(numbers).buffer), numbers],
    ['DoubleStorage', Buffer.from(Float64Array.from(numbers).buffer), numbers],
    ['HalfStorage', Buffer.from(Uint16Array.from(halves).buffer), numbers],
    ['BFloat16Storage', Buffer.from(Uint16Array.of(0x3f80, 0xc049, 0x7f80).buffer), [1, -3.140625, Infinity]],
    ['LongStorage', Buffer.from(BigInt64Array.of(7n, -9n).buffer), [7, -9]],
    ['IntStorage', Buffer.from(Int32Array.of(70000, -9).buffer), [70000, -9]],
    ['BoolStorage', Buffer.from([0, 1]), [0, 1]],
  ]
  for (const [type, bytes, wanted] of types) {
    it(`reads ${type} as float32`, async () => {
      const checkpoint = await open(single(type, bytes, [wanted.length]))
      expect([...(await checkpoint.read('w'))]).to.deep.equal(wanted)
    })
  }

  it('reads half floats that are infinite or no number', async () => {
    const checkpoint = await open(
      single('HalfStorage', Buffer.from(Uint16Array.of(0x7c00, 0xfc00, 0x7e00).buffer), [3]),
    )
    expect([...(await checkpoint.read('w'))]).to.deep.equal([Infinity, -Infinity, NaN])
  })

  it('reads scalars, empty tensors and parameters', async () => {
    const storages = { 0: Buffer.from(Float32Array.of(5).buffer), 1: Buffer.alloc(0) }
    const scalar = { name: 's', type: 'FloatStorage', key: '0', length: 1, shape: [], parameter: true }
    const empty = { name: 'e', type: 'FloatStorage', key: '1', length: 0, shape: [0, 3] }
    const checkpoint = await open(torchCheckpoint({ tensors: [scalar, empty], storages }))
    expect([...(await checkpoint.read('s'))]).to.deep.equal([5])
    expect(await checkpoint.read('e')).to.have.length(0)
  })

  it('honours offsets, strides and storages that tensors share', async () => {
    const storages = { 9: Buffer.from(Float32Array.from({ length: 12 }, (_, i) => i).buffer) }
    const view = { type: 'FloatStorage', key: '9', length: 12 }
    const tensors = [
      { ...view, name: 'whole', shape: [3, 4] },
      { ...view, name: 'transposed', shape: [4, 3], strides: [1, 4] },
      { ...view, name: 'part', shape: [2, 2], strides: [4, 1], offset: 5 },
      { ...view, name: 'column', shape: [3, 1], strides: [4, 7], offset: 2 },
      { ...view, name: 'expanded', shape: [2, 3], strides: [0, 1], offset: 9 },
    ]
    const checkpoint = await open(torchCheckpoint({ tensors, storages }))
    const read = async (name: string) => [...(await checkpoint.read(name))]
    expect(await read('whole')).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(await read('transposed')).to.deep.equal([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    expect(await read('part')).to.deep.equal([5, 6, 9, 10])
    expect(await read('column')).to.deep.equal([2, 6, 10])
    expect(await read('expanded')).to.deep.equal([9, 10, 11, 9, 10, 11])
  })

  for (const prefix of ['model_weights', 'archive', 'anything']) {
    it(`takes the folder ${prefix} from the first member`, async () => {
      const parts = { prefix, byteOrder: 'little' }
      const checkpoint = await open(single('FloatStorage', Buffer.from(Float32Array.of(1, 2).buffer), [2], parts))
      expect([...(await checkpoint.read('w'))]).to.deep.equal([1, 2])
    })
  }

  it('inflates deflated members', async () => {
    const bytes = Buffer.from(Float32Array.from({ length: 5000 }, (_, i) => i % 7).buffer)
    const checkpoint = await open(single('FloatStorage', bytes, [50, 100], { deflate: true }))
    expect((await checkpoint.read('w'))[4999]).to.equal(4999 % 7)
  })

  it('reads pickle protocol 4 with its short strings, memo and stack globals', async () => {
    const two = pickledStateDict([{ name: 'w', type: 'FloatStorage', key: '0', length: 2, shape: [2] }])
    let pickle: Buffer = Buffer.concat([op.proto(4), two.subarray(2)])
    for (const [module, name] of [
      ['collections', 'OrderedDict'],
      ['torch', 'FloatStorage'],
      ['torch._utils', '_rebuild_tensor_v2'],
    ] as const) {
      pickle = replaceAll(pickle, op.global(module, name), stackGlobal(module, name))
    }
    const checkpoint = await open(
      torchCheckpoint({ pickle, storages: { 0: Buffer.from(Float32Array.of(3, 4).buffer) } }),
    )
    expect([...(await checkpoint.read('w'))]).to.deep.equal([3, 4])
  })

  for (const [module, name] of [
    ['builtins', 'eval'],
    ['posix', 'system'],
    ['torch', 'load'],
    ['torch._utils', '_rebuild_sparse_tensor'],
    ['collections', 'OrderedDict.__class__'],
  ] as const) {
    it(`refuses a pickle that names ${module}.${name}`, async () => {
      const refused = `checkpoint names ${module}.${name}, which is not a tensor; refusing to load it`
      const call = [op.mark, op.text('id'), op.tuple, op.reduce, op.stop]
      const byGlobal = Buffer.concat([op.proto(2), op.global(module, name), ...call])
      expect(await refusal(torchCheckpoint({ pickle: byGlobal }))).to.include(refused)
      const byStack = Buffer.concat([op.proto(4), op.shortText(module), op.shortText(name), op.stackGlobal, ...call])
      expect(await refusal(torchCheckpoint({ pickle: byStack }))).to.include(refused)
      const atOnce = Buffer.concat([op.proto(2), op.mark, Buffer.from(`i${module}\n${name}\n`), op.stop])
      expect(await refusal(torchCheckpoint({ pickle: atOnce }))).to.include(refused)
    })
  }

  it('shows a hostile name without its control characters', async () => {
    const pickle = Buffer.concat([op.proto(2), op.global('\u001b[2J', 'x'.repeat(500)), op.stop])
    const message = await refusal(torchCheckpoint({ pickle }))
    expect(message).to.include('?[2J.xxx')
    expect(message).to.have.length.below(400)
  })

  const view = { name: 'w', type: 'FloatStorage', key: '0', length: 2, shape: [2] }
  const two = { 0: Buffer.from(Float32Array.of(1, 2).buffer) }
  const broken: [string, () => Buffer, RegExp][] = [
    ['no zip', () => Buffer.from('not a zip at all'), /not a zip/],
    ['a zip cut short', () => torchCheckpoint({ tensors: [view], storages: two }).subarray(0, 200), /zip is corrupt/],
    ['a zip of no members', () => zip([]), /not a zip/],
    ['no data.pkl', () => zip([{ name: 'archive/version', bytes: Buffer.from('3') }]), /data\.pkl is missing/],
    ['a missing storage', () => torchCheckpoint({ tensors: [view] }), /data of tensor w is missing/],
    [
      'a short storage',
      () => torchCheckpoint({ tensors: [view], storages: { 0: Buffer.alloc(4) } }),
      /4 bytes, and 8 are/,
    ],
    [
      'a view beyond its storage',
      () => torchCheckpoint({ tensors: [{ ...view, offset: 1 }], storages: two }),
      /number 2 of/,
    ],
    [
      'strides beyond the storage',
      () => torchCheckpoint({ tensors: [{ ...view, strides: [1000] }], storages: two }),
      /number 1000 of storage 0/,
    ],
    [
      'a small storage spread over a huge tensor',
      () => torchCheckpoint({ tensors: [{ ...view, shape: [2 ** 30, 2 ** 30], strides: [0, 0] }], storages: two }),
      /elements; at most/,
    ],
    [
      'a storage of another kind',
      () => torchCheckpoint({ tensors: [{ ...view, type: 'QInt8Storage' }] }),
      /torch\.QInt8Storage/,
    ],
    ['a key that climbs', () => torchCheckpoint({ tensors: [{ ...view, key: '../../x' }] }), /without a proper key/],
    ['no tensors', () => torchCheckpoint({ tensors: [] }), /no tensors/],
    ['a list', () => torchCheckpoint({ pickle: Buffer.from(']\x2e') }), /not a dictionary/],
    ['a pickle cut short', () => torchCheckpoint({ pickle: pickledStateDict([view]).subarray(0, 60) }), /truncated/],
    [
      'a text longer than the pickle',
      () => torchCheckpoint({ pickle: Buffer.from('X\xff\xff\xff\xff', 'latin1') }),
      /truncated/,
    ],
    ['an unknown opcode', () => torchCheckpoint({ pickle: Buffer.from([0x80, 2, 0x50]) }), /opcode 0x50 at byte 2/],
    ['an empty stack', () => torchCheckpoint({ pickle: Buffer.from('R.') }), /empty stack/],
    ['an unkept memory', () => torchCheckpoint({ pickle: Buffer.from('h\x07.') }), /recalls value 7/],
    ['protocol 9', () => torchCheckpoint({ pickle: Buffer.from([0x80, 9]) }), /protocol 9/],
    ['a million open marks', () => torchCheckpoint({ pickle: Buffer.alloc(1_000_000, '(') }), /open marks/],
    [
      'a million values',
      () => torchCheckpoint({ pickle: Buffer.alloc(1_000_000, ')') }),
      /values on the pickle's stack/,
    ],
    [
      'a long list that is copied over and over',
      () => torchCheckpoint({ pickle: copyingPickle() }),
      /OrderedDict that is not made empty/,
    ],
  ]
  for (const [title, checkpoint, says] of broken) {
    it(`refuses ${title}`, async () => {
      expect(await refusal(checkpoint())).to.match(says)
    })
  }

  it('notices data that changed after it was written', async () => {
    const bytes = single('FloatStorage', Buffer.from(Float32Array.of(1234.5, 2).buffer), [2])
    bytes[bytes.indexOf(Buffer.from(Float32Array.of(1234.5).buffer))]! ^= 1
    expect(await refusal(bytes)).to.match(/data\/0 is corrupt: its checksum differs/)
  })

  it('refuses a deflated member that is larger than it says', async () => {
    const bytes = single('FloatStorage', Buffer.alloc(4000), [1000], { deflate: true })
    const bomb = deflateRawSync(Buffer.alloc(4000))
    expect(bytes.indexOf(bomb)).to.be.above(0)
    const lying = replaceAll(bytes, uint32(4000), uint32(400))
    expect(await refusal(lying)).to.match(/400 bytes, and 4000 are needed/)
  })
})

/** Recalls one list of ten thousand pairs as the argument of ever new dictionaries. */
function copyingPickle(): Buffer {
  const pair = Buffer.from('K\x01K\x02\x86', 'latin1')
  const list = Buffer.concat([Buffer.from(']q\x00('), ...Array.from({ length: 10_000 }, () => pair), Buffer.from('e')])
  const again = Buffer.concat([op.global('collections', 'OrderedDict'), Buffer.from('h\x00\x85R0', 'latin1')])
  return Buffer.concat([op.proto(2), list, ...Array.from({ length: 10_000 }, () => again), op.stop])
}

function replaceAll(bytes: Buffer, what: Buffer, by: Buffer): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, from)) {
    parts.push(bytes.subarray(from, at), by)
    from = at + what.length
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}

/** One tensor `w` of these numbers. */
function single(type: string, bytes: Buffer, shape: number[], rest: Partial<CheckpointParts> = {}): Buffer {
  const length = shape.reduce((a, b) => a * b, 1)
  return torchCheckpoint({ tensors: [{ name: 'w', type, key: '0', length, shape }], storages: { 0: bytes }, ...rest })
}

function stackGlobal(module: string, name: string): Buffer {
  return Buffer.concat([op.shortText(module), op.memoize, op.shortText(name), op.stackGlobal])
}
