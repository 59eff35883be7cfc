import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { repositoryDir } from '../../support/shared-dir.js'

type WhyInstall = (dir: string) => string | undefined

// Goal: dependencies are installed exactly when node_modules is not what package-lock.json says, whichever command filled it.
// Method: folders with a lock file and with npm's own record of what is installed; nothing is installed here.
describe('preparing a checkout', () => {
  let dir: string
  let whyInstall: WhyInstall
  const write = (file: string, packages: object) => {
    mkdirSync(join(dir, 'node_modules'), { recursive: true })
    writeFileSync(join(dir, file), JSON.stringify({ packages }))
  }
  const lock = (packages: object) => write('package-lock.json', { '': {}, ...packages })
  const installed = (packages: object) => write('node_modules/.package-lock.json', packages)

  before(async () => {
    const module = (await import(pathToFileURL(join(repositoryDir, 'bin/prepare.mjs')).href)) as {
      whyInstall: WhyInstall
    }
    whyInstall = module.whyInstall
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'yap-prepare-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('is needed on a clean clone', () => {
    lock({ 'node_modules/a': { version: '1.0.0' } })
    expect(whyInstall(dir)).to.equal('there are none yet')
  })

  it('is not needed where everything is there, extra packages or not', () => {
    lock({ 'node_modules/a': { version: '1.0.0' }, 'libs/x': { version: '0.1.0' } })
    installed({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/extra': { version: '9.0.0' } })
    expect(whyInstall(dir)).to.equal(undefined)
  })

  it('is needed where a package is missing or of another version, and names it', () => {
    lock({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b/node_modules/@s/c': { version: '2.0.0' } })
    installed({ 'node_modules/a': { version: '1.0.0' } })
    expect(whyInstall(dir)).to.equal('@s/c is missing')
    installed({ 'node_modules/a': { version: '1.0.1' }, 'node_modules/b/node_modules/@s/c': { version: '2.0.0' } })
    expect(whyInstall(dir)).to.equal('a changed')
  })

  it('does not miss what is optional and for another platform', () => {
    lock({ 'node_modules/fsevents': { version: '2.3.3', optional: true } })
    installed({})
    expect(whyInstall(dir)).to.equal(undefined)
  })
})
