import { createHash } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ModelError, fetchModel, makeRandomModel, type FetchOptions } from '@yap/model'
import { HubServer } from '../../../../support/hub-server.js'
import { temporaryFolder } from '../../../../support/temporary-folder.js'

const MODEL = 'someone/small-model'
const FILE = 'small-model.nemo'
const TOKEN = 'hf_secret_of_ours'

describe('fetchModel', () => {
  // Goal: whatever the network does, the model arrives whole or is refused in one line; a token goes to the hub alone.
  // Method: real HTTP servers on this machine that break, change, refuse and redirect on command; a real tiny archive.
  const folder = temporaryFolder()
  let archive: Buffer
  let hub: HubServer
  let storage: HubServer | undefined
  let home: string | undefined

  before(async function () {
    this.timeout(60_000)
    const work = await mkdtemp(join(tmpdir(), 'yap-test-'))
    const nemoPath = join(work, FILE)
    await makeRandomModel({
      like: 'tiny',
      seed: 1,
      sizes: { layers: 1, attContexts: [[70, 1]] },
      outDir: join(work, 'model'),
      nemoPath,
    })
    archive = await readFile(nemoPath)
    await rm(work, { recursive: true })
  })

  beforeEach(async () => {
    home = process.env.YAP_HOME
    process.env.YAP_HOME = folder.path
    hub = await new HubServer(MODEL).start()
    hub.add(FILE, archive)
  })

  afterEach(async () => {
    if (home === undefined) delete process.env.YAP_HOME
    else process.env.YAP_HOME = home
    await hub.stop()
    await storage?.stop()
    storage = undefined
  })

  const fetchIt = (options: FetchOptions = {}) =>
    fetchModel(MODEL, { endpoint: hub.url, token: TOKEN, retryMs: 1, retriesMax: 3, ...options })

  async function refusal(options: FetchOptions = {}): Promise<ModelError> {
    const error = await fetchIt(options).catch((failure: unknown) => failure)
    expect(error).to.be.instanceOf(ModelError)
    const { message } = error as ModelError
    expect(message).to.not.include('\n')
    expect(message).to.not.include(TOKEN)
    return error as ModelError
  }

  /** Nothing, also where there is no folder. */
  const kept = () => readdir(join(folder.path, 'models', 'someone--small-model')).catch(() => [])

  it('downloads, checks and compiles, and notes licence and source', async () => {
    const { dir, manifest, present } = await fetchIt()
    expect(present).to.equal(false)
    expect(dir).to.equal(join(folder.path, 'models', 'someone--small-model', 'model'))
    expect(manifest.licence).to.equal('cc-by-4.0')
    expect(manifest.source).to.equal(`${hub.url}/${MODEL}/resolve/main/${FILE}`)
    expect(await kept()).to.have.members([FILE, `${FILE}.json`, 'model'])
  })

  it('does nothing where the model is there, and compiles a kept archive without fetching it again', async () => {
    const { dir } = await fetchIt()
    const requests = hub.seen.length
    expect((await fetchIt()).present).to.equal(true)
    await rm(dir, { recursive: true })
    expect((await fetchIt()).present).to.equal(false)
    expect(hub.seen).to.have.length(requests)
  })

  it('goes on where a connection broke', async () => {
    hub.breakAfter.push(10_000, 50_000)
    const retries: string[] = []
    await fetchIt({ onRetry: (reason) => retries.push(reason) })
    expect(retries).to.have.length(2)
    const ranges = hub.seen
      .filter(({ url }) => url.includes('/resolve/'))
      .map(({ range }) => Number(range?.slice(6, -1) ?? 0))
    expect(ranges).to.have.length(3)
    expect(ranges[1]).to.be.within(1, 10_000)
    expect(ranges[2]).to.be.within(ranges[1]! + 1, ranges[1]! + 50_000)
  })

  it('goes on in a later run where an earlier one gave up', async () => {
    hub.breakAfter.push(...Array.from({ length: 20 }, (_, i) => (i === 0 ? 20_000 : 0)))
    const { code, message } = await refusal({ retriesMax: 2 })
    expect(code).to.equal('fetch')
    expect(message).to.match(/bytes are kept, and the same command goes on from there/)
    hub.breakAfter.length = 0
    hub.seen.length = 0
    await fetchIt()
    expect(hub.seen[0]!.range).to.match(/^bytes=[1-9]\d*-$/)
  })

  it('begins anew when the file changed while the connection was down', async () => {
    const other = Buffer.from(archive)
    hub.add(FILE, Buffer.alloc(archive.length, 7))
    hub.breakAfter.push(30_000)
    hub.onBreak = () => hub.add(FILE, other)
    const { manifest } = await fetchIt()
    expect(manifest.parameters).to.be.above(0)
  })

  it('begins anew when the server does not send ranges', async () => {
    hub.ignoresRange = true
    hub.breakAfter.push(30_000)
    await fetchIt()
    expect(await readFile(join(folder.path, 'models', 'someone--small-model', FILE))).to.deep.equal(archive)
  })

  it('waits and asks again when the server is busy', async () => {
    hub.refusals.push({ status: 503 }, { status: 429, headers: { 'retry-after': '0' } })
    await fetchIt()
  })

  it('removes a file whose SHA-256 is not the published one', async () => {
    hub.sha256 = createHash('sha256').update('another file').digest('hex')
    const { code, message } = await refusal()
    expect(code).to.equal('fetch')
    expect(message).to.match(/its SHA-256 is [0-9a-f]{64}, and [0-9a-f]{64} is published; it was removed/)
    expect(await kept()).to.deep.equal([])
  })

  it('says so where no SHA-256 is published', async () => {
    hub.sha256 = undefined
    const notes: string[] = []
    await fetchIt({ onNote: (text) => notes.push(text) })
    expect(notes).to.have.length(1)
    expect(notes[0]).to.match(/publishes no SHA-256/)
  })

  it('keeps the token from the host that a redirect leads to', async () => {
    storage = await new HubServer(MODEL).start()
    storage.add(FILE, archive)
    storage.breakAfter.push(10_000)
    hub.storage = storage
    await fetchIt()
    expect(hub.seen.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).to.equal(true)
    expect(storage.seen.length).to.equal(2)
    expect(storage.seen.map(({ authorization }) => authorization)).to.deep.equal([undefined, undefined])
  })

  const refused: { status: number; token?: string; code?: string; says: RegExp }[] = [
    { status: 401, says: /does not accept the token in HF_TOKEN \(401\)/ },
    { status: 401, token: '', says: /set HF_TOKEN/ },
    { status: 403, says: /accept the terms at .*\/someone\/small-model/ },
    { status: 418, says: /answers 418/ },
  ]
  for (const { status, token = TOKEN, says } of refused) {
    it(`says what to do about ${status}${token ? '' : ' without a token'}`, async () => {
      hub.refusals.push({ status })
      const error = await refusal({ token })
      expect(error.message).to.match(says)
      expect(error.code).to.equal('fetch')
      expect(await kept()).to.deep.equal([])
    })
  }

  it('looks for the archive under another name', async () => {
    hub.files.clear()
    hub.add('another-name.nemo', archive)
    const { manifest } = await fetchIt()
    expect(manifest.source).to.match(/another-name\.nemo$/)
  })

  it('says when there is no such model, or no archive in it', async () => {
    hub.files.clear()
    expect((await refusal()).message).to.match(/has no \.nemo archive/)
    hub.hasListing = false
    const { code, message } = await refusal()
    expect(code).to.equal('not_found')
    expect(message).to.match(/no such file \(404\)/)
  })

  it('gives up on a server that sends nothing more', async () => {
    hub.stalls = true
    const error = await refusal({ stallMs: 200, retriesMax: 1 })
    expect(error.message).to.match(/nothing was heard from the server for too long; \d{5,} bytes are kept/)
  })

  it('says when nobody answers at the endpoint, and when it is no address', async () => {
    await hub.stop()
    expect((await refusal({ retriesMax: 1 })).message).to.match(/could not be fetched: .*ECONNREFUSED/)
    expect((await refusal({ endpoint: 'huggingface' })).message).to.match(/HF_ENDPOINT is no address/)
  })

  it('says what is no name of a model, and when the folder cannot be made', async () => {
    const error = await fetchModel('nonsense').catch((failure: unknown) => failure)
    expect(error).to.be.instanceOf(ModelError)
    expect((error as Error).message).to.match(/no name of a model on a hub; give org\/name, or one of: stt_en_/)
    await writeFile(folder.file('plain'), '')
    process.env.YAP_HOME = folder.file('plain')
    expect((await refusal()).code).to.equal('disk')
  })
})
