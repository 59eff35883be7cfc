import { encodeWav } from '@yap/audio'
import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FakeEdge, type FakeEdgeOptions } from '../../../support/fake-edge.js'
import { repositoryDir } from '../../../support/shared-dir.js'
import { temporaryFolder } from '../../../support/temporary-folder.js'

describe('yap client, warmup and bench', () => {
  // Goal: what a user types does what --help says: the lines, the JSON, the exit codes (1 failed, 2 wrong usage).
  // Method: the real command as a process, against a fake edge.
  const folder = temporaryFolder()
  const edges: FakeEdge[] = []
  const children: ChildProcess[] = []
  let wav = ''
  beforeEach(() => {
    wav = folder.file('four.wav')
    writeFileSync(wav, encodeWav(new Int16Array(32_000), 8000))
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const edge of edges.splice(0)) await edge.stop()
  })

  async function startEdge(options?: FakeEdgeOptions): Promise<FakeEdge> {
    const started = await FakeEdge.start(options)
    edges.push(started)
    return started
  }

  interface Ended {
    code: number | null
    stdout: string
    stderr: string
  }

  function start(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(process.execPath, [join(repositoryDir, 'bin', 'yap.mjs'), ...args])
    children.push(child)
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => (stdout += String(data)))
    child.stderr.on('data', (data) => (stderr += String(data)))
    const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
    return { child, ended }
  }

  function yap(...args: string[]): Promise<Ended> {
    const { child, ended } = start(...args)
    child.stdin!.end()
    return ended
  }

  const text = 'zero one two three four five six seven'

  it('client prints the text and the times', async () => {
    const { url } = await startEdge()
    const { code, stdout, stderr } = await yap('client', '--server', url, '--file', wav, '--rtf', '1000')
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(new RegExp(`^Text: +${text}$`, 'm'))
      .and.to.match(/^Audio: +4\.00 s$/m)
    for (const name of ['Wall', 'RTF', 'xRT', 'TTFW'])
      expect(stdout).to.match(new RegExp(`^${name}: +[0-9.]+( s)?$`, 'm'))
  })

  it('client prints partials as they come, and passes look-ahead and decoder on', async () => {
    const { url, inits } = await startEdge()
    const flags = ['--print-partials', '--att-ctx', '70,6', '--decoder', 'ctc', '--rtf', '1000']
    const { stdout } = await yap('client', '--server', url.replace('ws://', ''), '--file', wav, ...flags)
    expect(stdout).to.match(/s {2}zero\n.*s {2}zero one\n/)
    expect(inits).to.deep.equal([{ op: 'init', sid: 'cli', sr: 16_000, att_ctx: '70,6', decoder: 'ctc' }])
  })

  it('client prints one JSON object with --json', async () => {
    const { url } = await startEdge()
    const { stdout } = await yap(
      'client',
      '--server',
      url,
      '--file',
      wav,
      '--rtf',
      '1000',
      '--json',
      '--print-partials',
    )
    const json = JSON.parse(stdout) as Record<string, unknown>
    expect(json).to.include({ file: wav, text, audio_s: 4, partials: 8, model: 'fake' })
    expect(json).to.include.keys('wall_s', 'rtf', 'xrt', 'ttfw_s', 'flush_to_final_s')
  })

  it('client plays raw samples from standard input, at their own rate', async () => {
    const { url, inits, frameBytes } = await startEdge()
    const { child, ended } = start('client', '--server', url, '--file', '-', '--sr', '8000', '--rtf', '1000')
    child.stdin!.end(Buffer.alloc(16_100))
    const { code, stdout } = await ended
    expect(code).to.equal(0)
    expect(inits[0]!.sr).to.equal(8000)
    expect(frameBytes.slice(0, 2)).to.deep.equal([320, 320])
    expect(frameBytes.reduce((sum, bytes) => sum + bytes)).to.equal(16_100)
    expect(stdout).to.match(/^Text: +zero$/m)
  })

  it('client ends the audio at Ctrl-C, and still prints what was heard', async () => {
    const { url, frameBytes } = await startEdge()
    const { child, ended } = start('client', '--server', url, '--file', wav, '--print-partials')
    await new Promise((resolve) => child.stdout!.once('data', resolve))
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).to.equal(130)
    expect(stdout).to.match(/^Text: +zero/m)
    expect(frameBytes.length).to.be.below(200)
  })

  it('client says in one line why it failed, and exits with 1', async () => {
    const full = await startEdge({
      refuse: () => ({ code: 'capacity', message: 'no worker has room', close: 1013, retryAfterMs: 2000 }),
    })
    const refused = await yap('client', '--server', full.url, '--file', wav)
    expect(refused).to.include({ code: 1, stdout: '' })
    expect(refused.stderr).to.equal('yap: the server refused: capacity: no worker has room (try again in 2000 ms)\n')
    const cut = await startEdge({ failAfter: { samples: 8000, how: 'cut' } })
    const lost = await yap('client', '--server', cut.url, '--file', wav, '--rtf', '1000')
    expect(lost.code).to.equal(1)
    expect(lost.stderr).to.match(/^yap: the connection was lost[^\n]*\n$/)
    const nobody = await yap('client', '--server', 'ws://127.0.0.1:1', '--file', wav)
    expect(nobody.code).to.equal(1)
    expect(nobody.stderr).to.include('connection refused')
  })

  it('wrong usage exits with 2', async () => {
    for (const args of [
      ['client'],
      ['client', '--file', wav, '--rtf', 'fast'],
      ['client', '--file', wav, '--decoder', 'llm'],
      ['client', '--file', wav, '--server', 'ftp://x'],
      ['bench', '--n', '0'],
      ['bench', '--file', '-'],
      ['warmup', '--nonsense'],
    ])
      expect((await yap(...args)).code, args.join(' ')).to.equal(2)
  })

  it('warmup prints partials, delta and the time from flush to final', async () => {
    const { url } = await startEdge()
    const { code, stdout } = await yap('warmup', '--server', url, '--file', wav, '--rtf', '1000')
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(new RegExp(`^Text: +${text}$`, 'm'))
      .and.to.match(/^Partials: +8$/m)
    expect(stdout)
      .to.match(/^delta\(audio\): +-?[0-9.]+ s$/m)
      .and.to.match(/^Flush->Final: +\d+ ms$/m)
  })

  it('bench prints its table, JSON, and a page that needs nothing else', async () => {
    const { url } = await startEdge()
    const page = folder.file('report.html')
    const flags = ['--server', url, '--file', wav, '--rtf', '10', '--n', '6', '--concurrency', '3']
    const table = await yap('bench', ...flags, '--html', page)
    expect(table.code, table.stderr).to.equal(0)
    expect(table.stdout)
      .to.include('6 of 6 talks completed, 3 at a time')
      .and.to.match(/^Texts +all the same$/m)
    const html = readFileSync(page, 'utf8')
    expect(html)
      .to.include('From close to final')
      .and.to.include('Timeline')
      .and.to.match(/<rect class="completed"/)
    expect(html).to.not.match(/https?:|<script|<link|url\(|@import|NaN|undefined/)
    const json = JSON.parse((await yap('bench', ...flags, '--json')).stdout) as { completed: number; talks: unknown[] }
    expect(json.completed).to.equal(6)
    expect(json.talks).to.have.length(6)
  })

  it('bench exits with 1 when talks failed', async () => {
    const { url } = await startEdge({ failAfter: { samples: 100, how: 1011 } })
    const { code, stdout } = await yap('bench', '--server', url, '--file', wav, '--rtf', '1000', '--n', '2')
    expect(code).to.equal(1)
    expect(stdout)
      .to.match(/^Errors +2$/m)
      .and.to.include('closed with 1011 internal')
  })
})
