import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { compareVersions, ensureNatsServer, NatsServerMissingError, type NatsSource } from '@yap/tools'

const program = (version: string) => Buffer.from(`#!/bin/sh\necho "nats-server: v${version}"\n`)

const put = (folder: string, name: string, version: string) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, name), program(version))
  chmodSync(join(folder, name), 0o755)
  return join(folder, name)
}

const giving = (version: string): NatsSource => ({
  name: 'a place near by',
  async fetch() {
    return { program: program(version), from: 'a parcel' }
  },
})

// Goal: a nats-server is found where there is one, fetched where there is none, and every step is said in one line.
// Method: shell scripts that print a version stand for the program; sources are given by hand, so nothing is downloaded.
describe('ensureNatsServer', () => {
  let dir: string
  let lines: string[]
  const log = (line: string) => lines.push(line)
  const failing: NatsSource = {
    name: 'a place far away',
    async fetch() {
      throw new Error('not reachable')
    },
  }

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'yap-ensure-'))
    lines = []
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('takes the one on PATH', async () => {
    const path = put(join(dir, 'bin'), 'nats-server', '2.11.0')
    const found = await ensureNatsServer({ log, home: join(dir, 'home'), path: join(dir, 'bin'), sources: [failing] })
    expect(found).to.deep.equal({ path, version: '2.11.0' })
    expect(lines).to.deep.equal([`nats-server 2.11.0: ${path}`])
  })

  it('passes over one on PATH that is too old, and says so', async () => {
    const old = put(join(dir, 'bin'), 'nats-server', '2.8.4')
    const found = await ensureNatsServer({
      log,
      home: join(dir, 'home'),
      path: join(dir, 'bin'),
      sources: [giving('2.15.1')],
    })
    expect(found.path).to.equal(join(dir, 'home/bin/nats-server-2.15.1'))
    expect(lines[0]).to.include(old).and.include('2.8.4')
  })

  it('tries each source in turn and keeps what it got', async () => {
    const options = { log, home: join(dir, 'home'), path: '', sources: [failing, giving('2.15.1'), failing] }
    const first = await ensureNatsServer(options)
    expect(lines.join('\n')).to.include('a place far away').and.include('not reachable').and.include('a parcel')
    const again = await ensureNatsServer({ ...options, sources: [failing] })
    expect(again).to.deep.equal(first)
    expect(readdirSync(join(dir, 'home/bin')), 'no scratch folder stays').to.deep.equal(['nats-server-2.15.1'])
  })

  it('refuses a fetched one that is too old, and tells what was tried', async () => {
    const attempt = ensureNatsServer({ log, home: join(dir, 'home'), path: '', sources: [giving('1.4.1'), failing] })
    const error = await attempt.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).to.be.instanceOf(NatsServerMissingError)
    expect((error as Error).cause).to.deep.equal([
      'a place near by: it is version 1.4.1, needed 2.9.10 or newer',
      'a place far away: not reachable',
    ])
  })

  it('orders versions by number, not by letter', () => {
    expect(compareVersions('2.10.0', '2.9.11')).to.be.greaterThan(0)
    expect(compareVersions('2.9.10', '2.9.10')).to.equal(0)
    expect(compareVersions('2.9.9', '2.9.10')).to.be.lessThan(0)
  })
})
