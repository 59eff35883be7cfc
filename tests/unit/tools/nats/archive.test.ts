import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { extractFile } from '@yap/tools'

// Goal: the program inside a release archive or a wheel comes out byte for byte.
// Method: archives made by tar and, for zip, by hand from the format's field list (stored and deflated entries).
describe('extractFile', () => {
  const content = Buffer.from('program '.repeat(1000))

  it('finds a file in a .tar.gz by its base name', () => {
    const dir = mkdtempSync(join(tmpdir(), 'yap-archive-'))
    try {
      mkdirSync(join(dir, 'release'))
      writeFileSync(join(dir, 'release/LICENSE'), 'licence')
      writeFileSync(join(dir, 'release/nats-server'), content)
      expect(spawnSync('tar', ['-czf', 'a.tar.gz', 'release'], { cwd: dir }).status).to.equal(0)
      expect(extractFile(readFileSync(join(dir, 'a.tar.gz')), 'tar.gz', 'nats-server').equals(content)).to.equal(true)
      expect(() => extractFile(readFileSync(join(dir, 'a.tar.gz')), 'tar.gz', 'absent')).to.throw('holds no absent')
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('finds stored and deflated files in a .zip', () => {
    const zip = makeZip([
      { name: 'x/stored', method: 0, packed: content },
      { name: 'x/deflated', method: 8, packed: deflateRawSync(content) },
    ])
    expect(extractFile(zip, 'zip', 'stored').equals(content)).to.equal(true)
    expect(extractFile(zip, 'zip', 'deflated').equals(content)).to.equal(true)
    expect(() => extractFile(zip, 'zip', 'absent')).to.throw('holds no absent')
  })

  it('says that a cut zip is damaged', () => {
    const zip = makeZip([{ name: 'a', method: 0, packed: content }])
    expect(() => extractFile(zip.subarray(0, zip.length - 30), 'zip', 'a')).to.throw('damaged')
  })
})

function makeZip(files: { name: string; method: number; packed: Buffer }[]): Buffer {
  const bodies: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, method, packed } of files) {
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(name.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(method, 10)
    entry.writeUInt32LE(packed.length, 20)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(offset, 42)
    bodies.push(local, Buffer.from(name), packed)
    directory.push(entry, Buffer.from(name))
    offset += 30 + name.length + packed.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...bodies, ...directory, end])
}
