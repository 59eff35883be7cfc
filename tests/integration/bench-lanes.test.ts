/**
 * Goal: the benchmarks run, in a size that proves nothing but that they do.
 * Method: each lane as its own process, small, without keeping the result. No figure is asserted; counts and texts are.
 */
import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { repositoryDir } from '../support/shared-dir.js'

describe('benchmark lanes', function () {
  this.timeout(120_000)

  function lane(name: string, ...args: string[]) {
    const main = join(repositoryDir, 'tools', 'dist', 'lanes', `${name}-lane.js`)
    const run = spawnSync(process.execPath, [main, '--json', '--no-save', ...args], { encoding: 'utf8' })
    expect(run.status, run.stderr).to.equal(0)
    return JSON.parse(run.stdout)
  }

  it('model: compiles a random model and steps it at every look-ahead', () => {
    const { parameters, costs } = lane('model', '--like', 'tiny', '--streams', '1,3', '--steps', '2')
    expect(parameters).to.be.above(100_000)
    expect(costs.map((c: { attCtx: string; streams: number }) => `${c.attCtx} ${c.streams}`)).to.deep.equal(
      ['70,0', '70,1', '70,6', '70,13'].flatMap((attCtx) => [`${attCtx} 1`, `${attCtx} 3`]),
    )
  })

  it('smoke: every session of the whole service hears what a lone one hears', () => {
    const { completed, differing, words } = lane('smoke', '--sessions', '3', '--seconds', '4')
    expect({ completed, differing }).to.deep.equal({ completed: 3, differing: 0 })
    expect(words).to.be.above(3)
  })
})
