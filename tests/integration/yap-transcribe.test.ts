/**
 * Goal: `yap transcribe` and `yap model` as a stranger uses them: words out, and for bad input one clear line and an
 * exit code (1 the work failed, 2 wrong usage).
 * Method: the real command in its own process.
 */
import { expect } from 'chai'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, copyFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeWav } from '@yap/audio'
import { demoArchive } from '@yap/model'
import { eventually } from '../support/eventually.js'
import { repositoryDir } from '../support/shared-dir.js'

describe('yap transcribe', function () {
  this.timeout(60_000)
  const work = mkdtempSync(join(tmpdir(), 'yap-cli-'))
  const sample = join(repositoryDir, 'samples', 'pi.wav')
  after(() => rmSync(work, { recursive: true, force: true }))

  function yap(...args: string[]) {
    const run = spawnSync(process.execPath, [join(repositoryDir, 'bin', 'yap.mjs'), ...args], {
      cwd: work,
      encoding: 'utf8',
    })
    return { code: run.status, out: run.stdout, err: run.stderr }
  }

  it('prints the words of a file with the demo model', () => {
    expect(yap('transcribe', sample)).to.include({ code: 0, out: 'three one four one five nine\n' })
  })

  it('prints one JSON object a file with tokens, words and times', () => {
    const { code, out } = yap('transcribe', sample, sample, '--json', '--decoder', 'ctc', '--att-ctx', '70,0')
    expect(code).to.equal(0)
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).to.have.length(2)
    expect(lines[0]).to.have.keys('file', 'text', 'tokens', 'words', 'audio_s', 'wall_s', 'rtf')
    expect(lines[0].words).to.have.length(6)
    expect(lines[0].words[0]).to.have.keys('word', 'start_ms', 'end_ms', 'confidence')
    expect(lines[0].text).to.equal(lines[0].words.map((w: { word: string }) => w.word).join(' '))
  })

  it('shows the text as it grows, and warns of a look-ahead that is an alias', () => {
    const { out, err } = yap('transcribe', sample, '--print-partials', '--att-ctx', '70,16')
    expect(out).to.equal('three one four one five nine\n')
    expect(err).to.match(/70,16 is taken as 70,6 \(480 ms/)
    expect(err).to.match(/s {2}three one/)
  })

  const silentWav = () => {
    const path = join(work, 'empty.wav')
    writeFileSync(path, encodeWav(new Int16Array(0), 16000))
    return path
  }
  const textWav = () => {
    const path = join(work, 'text.wav')
    writeFileSync(path, 'these are letters, not samples')
    return path
  }
  const truncatedArchive = () => {
    const path = join(work, 'short.nemo')
    copyFileSync(demoArchive(), path)
    truncateSync(path, 5_000_000)
    return path
  }
  const failures: [string, () => string[], number, RegExp][] = [
    ['a WAV of no samples', () => [silentWav()], 1, /empty\.wav/],
    ['a text file named .wav', () => [textWav()], 1, /text\.wav/],
    ['a file that is not there', () => [join(work, 'nowhere.wav')], 1, /nowhere\.wav/],
    ['a truncated archive', () => [sample, '--model', truncatedArchive()], 1, /short\.nemo/],
    ['a model that is not there', () => [sample, '--model', 'no-such-model'], 1, /there is no model "no-such-model"/],
    ['a look-ahead that the model has not', () => [sample, '--att-ctx', '70,2'], 1, /this model has 70,13/],
    ['an unknown decoder', () => [sample, '--decoder', 'beam'], 2, /it is rnnt or ctc/],
    ['an unknown option', () => [sample, '--loud'], 2, /unknown option '--loud'/],
    ['no file', () => [], 2, /missing required argument/],
  ]
  for (const [what, args, code, message] of failures) {
    it(`ends with code ${code} and says so in a line for ${what}`, () => {
      const run = yap('transcribe', ...args())
      expect(run.err).to.match(message)
      expect([run.code, run.out]).to.deep.equal([code, ''])
      expect(run.err).to.not.match(/\n\s+at /)
    })
  }

  it('goes on with the other files when one is bad, and ends with code 1', () => {
    const { code, out, err } = yap('transcribe', textWav(), sample)
    expect([code, out]).to.deep.equal([1, `${sample}: three one four one five nine\n`])
    expect(err).to.match(/1 of 2 files could not be transcribed/)
  })

  it('compiles and inspects an archive, and leaves nothing of one that is broken', () => {
    const out = join(work, 'models', 'digits')
    expect(yap('model', 'compile', demoArchive(), '--out', out).out).to.match(
      /2\.91 M parameters, look-aheads 70,13 70,6/,
    )
    expect(yap('transcribe', sample, '--model', out).out).to.equal('three one four one five nine\n')
    expect(JSON.parse(yap('model', 'inspect', out, '--json').out).shape.layers).to.equal(5)
    expect(yap('model', 'inspect', demoArchive()).out).to.match(/5 layers of 144, 4 heads/)
    expect(yap('model', 'compile', truncatedArchive(), '--out', join(work, 'models', 'broken')).code).to.equal(1)
    expect(readdirSync(join(work, 'models'))).to.deep.equal(['digits'])
  })

  it('leaves nothing half-written when Ctrl-C ends it', async () => {
    const folder = join(work, 'interrupted')
    mkdirSync(folder)
    const args = ['model', 'random', '--like', 'tiny', '--layers', '16', '--out', join(folder, 'model')]
    const run = spawn(process.execPath, [join(repositoryDir, 'bin', 'yap.mjs'), ...args], { stdio: 'ignore' })
    const ended = once(run, 'exit')
    await eventually('something is being written', () => readdirSync(folder).length > 0)
    run.kill('SIGINT')
    expect(await ended).to.deep.equal([null, 'SIGINT'])
    expect(readdirSync(folder)).to.deep.equal([])
  })

  it('explains itself', () => {
    for (const args of [['--help'], ['transcribe', '--help'], ['model', '--help'], ['model', 'compile', '--help']]) {
      const { code, out } = yap(...args)
      expect([code, out.startsWith('Usage: yap')]).to.deep.equal([0, true])
    }
  })
})
