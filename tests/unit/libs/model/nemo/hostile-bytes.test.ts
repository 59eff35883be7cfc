import { writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { ModelError, openNemo } from '@yap/model'
import { nemoBytes, torchCheckpoint } from '../../../../support/nemo-builder.js'
import { pickledStateDict } from '../../../../support/pickle-assembler.js'
import { temporaryFolder } from '../../../../support/temporary-folder.js'

describe('hostile bytes', () => {
  // Goal: whatever the bytes are, reading ends soon, with an archive or with a ModelError; never another exception.
  // Method: fixed seeds; random edits of whole archives, of their checkpoints' pickles, and pickles of random opcodes.
  const folder = temporaryFolder()

  async function readAll(bytes: Uint8Array): Promise<void> {
    const path = folder.file('x.nemo')
    await writeFile(path, bytes)
    try {
      const archive = await openNemo(path, { workDir: folder.path })
      try {
        for (const name of archive.checkpoint.names()) await archive.checkpoint.read(name)
      } finally {
        await archive.close()
      }
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
    }
  }

  const edits = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.nat(255)), {
    minLength: 1,
    maxLength: 8,
  })

  const storages = { 0: Buffer.alloc(48) }
  const tensors = [
    { name: 'a', type: 'FloatStorage', key: '0', length: 12, shape: [3, 4] },
    { name: 'b', type: 'FloatStorage', key: '0', length: 12, shape: [2, 2], strides: [1, 3], offset: 1 },
  ]

  it('in an archive end in a ModelError', async function () {
    this.timeout(60_000)
    const forms = [await nemoBytes(), await nemoBytes({ gzip: true })]
    const any = fc.tuple(fc.constantFrom(...forms), edits)
    await fc.assert(
      fc.asyncProperty(any, ([bytes, changes]) => readAll(edited(bytes, changes))),
      { seed: 3, numRuns: 300 },
    )
  })

  it('in the place of an archive, or of a part of one, end in a ModelError', async function () {
    this.timeout(60_000)
    const bytes = await nemoBytes()
    const cut = fc.nat(bytes.length).map((length) => bytes.subarray(0, length))
    const any = fc.oneof(cut, fc.uint8Array({ maxLength: 2000 }))
    await fc.assert(fc.asyncProperty(any, readAll), { seed: 5, numRuns: 200 })
  })

  it('in a pickle end in a ModelError', async function () {
    this.timeout(60_000)

    const pickle = pickledStateDict(tensors)
    const any = edits.map((changes) => torchCheckpoint({ pickle: edited(pickle, changes), storages }))
    const property = fc.asyncProperty(any, async (checkpoint) => readAll(await nemoBytes({ checkpoint })))
    await fc.assert(property, { seed: 7, numRuns: 500 })
  })

  it('as a program of random opcodes end in a ModelError', async function () {
    this.timeout(60_000)
    const opcodes = [...'(0NJKMGXC]aetd}sqrjhcRbQ.)u1', ...'\x80\x85\x86\x87\x88\x89\x8a\x8c\x93\x94\x95'].map((c) =>
      c.charCodeAt(0),
    )
    const byte = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...opcodes) }, { weight: 1, arbitrary: fc.nat(255) })
    const any = fc.array(byte, { minLength: 1, maxLength: 200 }).map((program) => Buffer.from(program))
    const property = fc.asyncProperty(any, async (pickle) =>
      readAll(await nemoBytes({ checkpoint: torchCheckpoint({ pickle, storages }) })),
    )
    await fc.assert(property, { seed: 11, numRuns: 500 })
  })
})

/** Sets bytes at these fractions of the length. */
function edited(bytes: Buffer, changes: [number, number][]): Buffer {
  const out = Buffer.from(bytes)
  for (const [where, value] of changes) out[Math.floor(where * out.length)] = value
  return out
}
