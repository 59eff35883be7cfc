import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { repositoryDir } from '../../support/shared-dir.js'

interface Message {
  type: string
  title?: string
  error?: string
}

// Goal: no outcome of a test is lost, and a test that leaves something open fails by name instead of hanging the run.
// Method: the lane runner in a process of its own, over small files of tests; its messages are what `npm test` counts.
describe('a lane of npm test', function () {
  this.timeout(30_000)
  let dir: string
  let lane: ChildProcess | undefined

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'yap-lane-'))
  })
  afterEach(() => {
    lane?.kill('SIGKILL')
    rmSync(dir, { recursive: true })
  })

  async function run(source: string): Promise<{ messages: Message[]; code: number | null }> {
    const file = join(dir, 'some.test.cjs')
    writeFileSync(file, source)
    const messages: Message[] = []
    const child = fork(join(repositoryDir, 'bin/test-lane.mjs'), [file], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    lane = child
    child.on('message', (message) => messages.push(message as Message))
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { messages: messages.filter(({ type }) => type !== 'test'), code }
  }

  it('reports what passed, failed and was skipped', async () => {
    const { messages, code } = await run(`describe('a', () => {
      it('passes', () => {})
      it('fails', () => { throw new Error('first line\\nsecond line') })
      it.skip('is skipped', () => {})
    })`)
    expect(messages).to.deep.equal([
      { type: 'pass' },
      { type: 'fail', title: 'a fails', error: 'first line' },
      { type: 'skip' },
      { type: 'end' },
    ])
    expect(code).to.equal(1)
  })

  it('fails on a file that cannot be loaded', async () => {
    const { messages, code } = await run('throw new Error("broken")')
    expect(messages).to.deep.equal([{ type: 'fail', title: 'loading the test files', error: 'broken' }])
    expect(code).to.equal(1)
  })

  it('names the file that left a server open', async () => {
    const { messages, code } = await run(`describe('a', () => {
      it('passes', (done) => { require('node:net').createServer().listen(0, done) })
    })`)
    expect(messages.at(-1)?.title).to.match(/some\.test\.cjs left 1 TCPServerWrap open$/)
    expect(code).to.equal(1)
  })
})
