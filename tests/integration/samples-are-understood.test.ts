import { readAudioFile } from '@yap/audio'
import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryDir } from '../support/shared-dir.js'

describe('the samples of this repository', () => {
  // Goal: what a newcomer plays first is what samples/transcripts.tsv says, word for word, with the demo model.
  // Method: `yap transcribe` on every file of the folder.
  const folder = join(repositoryDir, 'samples')
  const transcripts = new Map(
    readFileSync(join(folder, 'transcripts.tsv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t') as [string, string]),
  )

  it('are all listed, 16 kHz mono, and mid.wav is about 45 s long', async () => {
    expect(readdirSync(folder).filter((name) => name.endsWith('.wav'))).to.have.members([...transcripts.keys()])
    expect((await readAudioFile(join(folder, 'mid.wav'))).durationMs).to.be.closeTo(45_000, 1000)
  })

  it('come out as their transcripts', function () {
    this.timeout(120_000)
    const files = [...transcripts.keys()].map((name) => join(folder, name))
    const yap = join(repositoryDir, 'bin', 'yap.mjs')
    const done = spawnSync(process.execPath, [yap, 'transcribe', '--json', ...files], { encoding: 'utf8' })
    expect(done.status, done.stderr).to.equal(0)
    const texts = done.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { text: string }).text)
    expect(texts).to.deep.equal([...transcripts.values()])
  })
})
