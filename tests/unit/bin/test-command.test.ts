import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import { repositoryDir } from '../../support/shared-dir.js'

const run = (...args: string[]) => {
  const done = spawnSync(process.execPath, [join(repositoryDir, 'bin/test.mjs'), ...args], { cwd: repositoryDir })
  return { code: done.status, lines: done.stdout.toString().trimEnd().split('\n') }
}

// Goal: whoever reads only the last line and the exit code of `npm test` knows the truth.
// Method: the command in a process of its own, over one small file of tests, and over none.
describe('npm test', function () {
  this.timeout(120_000)
  it('ends with one line of counts, and with 0 when all passed', () => {
    const { code, lines } = run('tests/unit/bin/prepare.test.ts')
    expect(lines.at(-1)).to.equal('4 passed, 0 failed')
    expect(code).to.equal(0)
    expect(lines.filter((line) => /^\d+ passed/.test(line))).to.have.length(1)
  })

  it('fails when no test ran', () => {
    const { code, lines } = run('tests/unit/bin/prepare.test.ts', '--grep', 'no test has this name')
    expect(lines.at(-1)).to.equal('0 passed, 1 failed')
    expect(code).to.equal(1)
  })
})
