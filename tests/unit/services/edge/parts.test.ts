import { createServer } from 'node:http'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  ClientOutbox,
  ClientSamples,
  isOriginAllowed,
  ReplayRing,
  ResumeTokens,
  slowMsMax,
  StaticFiles,
  TurnLedger,
  type Outlet,
} from '@yap/edge'
import { LIMITS, randomId } from '@yap/protocol'
import { closeServer, listen } from '@yap/runtime'
import { temporaryFolder } from '../../../support/temporary-folder.js'

/** A socket whose reader reads when the test says so. */
class StuckOutlet implements Outlet {
  bufferedAmount = 0
  readonly sent: string[] = []
  readonly #callbacks: (() => void)[] = []

  send(data: string, sent: () => void): void {
    this.sent.push(data)
    this.bufferedAmount += data.length
    this.#callbacks.push(sent)
  }

  read(): void {
    this.bufferedAmount = 0
    for (const done of this.#callbacks.splice(0)) done()
  }
}

describe('the slow reader rule', () => {
  // Goal: what waits for one client is bounded, no final is dropped, and a reader that never reads is told. Method: a stuck socket.
  const full = 'x'.repeat(LIMITS.clientBufferedBytesMax + 1)

  it('keeps only the newest of the interims that wait, and every final', () => {
    const outlet = new StuckOutlet()
    const outbox = new ClientOutbox(outlet, () => 0)
    outbox.say(full, false)
    for (const text of ['i1', 'i2']) outbox.say(text, true)
    outbox.say('f1', false)
    for (const text of ['i3', 'i4']) outbox.say(text, true)
    expect(outlet.sent).to.have.length(1)
    outlet.read()
    outlet.read()
    expect(outlet.sent.slice(1)).to.deep.equal(['f1', 'i4'])
    expect(outbox.superseded).to.equal(3)
  })

  it('gives up when finals alone exceed the limit, or nothing was read for long', () => {
    let now = 0
    const outbox = new ClientOutbox(new StuckOutlet(), () => now)
    outbox.say(full, false)
    outbox.say(full, true)
    expect(outbox.isTooSlow, 'a large interim is no reason').to.equal(false)
    outbox.say(full, false)
    expect(outbox.isTooSlow).to.equal(true)
    const slow = new ClientOutbox(new StuckOutlet(), () => now)
    slow.say(full, false)
    slow.say('f', false)
    now = slowMsMax + 1
    expect(slow.isTooSlow).to.equal(true)
  })
})

const valueAt = (at: number): number => ((at * 7919) % 65_536) - 32_768

describe('ReplayRing', () => {
  // Goal: any stretch that was kept reads back as it was written. Method: random appends, trims and reads against one array.
  it('reads what was appended, at any offset', () => {
    const step = fc.record({ append: fc.integer({ min: 0, max: 40_000 }), trim: fc.integer({ min: 0, max: 20_000 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.integer({ min: 0, max: 1e9 }), (steps, offset) => {
        const ring = new ReplayRing(offset)
        for (const { append, trim } of steps) {
          const at = ring.end
          ring.append(Int16Array.from({ length: append }, (_, i) => valueAt(at + i)))
          ring.trim(ring.start + trim)
        }
        const read = ring.read(ring.start, ring.end)
        return read.every((value, i) => value === valueAt(ring.start + i))
      }),
      { numRuns: 50 },
    )
  })
  it('forgets what it wipes', () => {
    const ring = new ReplayRing(5)
    ring.append(new Int16Array(100))
    ring.wipe()
    expect([ring.start, ring.end, ring.samples]).to.deep.equal([105, 105, 0])
    expect(() => ring.read(5, 10)).to.throw()
  })
})

const mark = (offset: number) => ({ offset, cause: 'finalize' as const, askedAtMs: 0, sentAtMs: 0 })

describe('TurnLedger', () => {
  // Goal: every finalize has a final of its own, also when the worker finds an endpoint first. Method: both orders.

  it('moves numbers up when an endpoint comes before the marks', () => {
    const ledger = new TurnLedger(0, 0)
    ledger.add(mark(5000))
    expect(ledger.numberAt(5000, 1)).to.deep.equal({ turn: 1, turnStart: 5000 })
    expect(ledger.accept(2560)).to.equal(undefined)
    expect(ledger.numberAt(2560, 0)).to.deep.equal({ turn: 1, turnStart: 2560 })
    expect(ledger.numberAt(5000, 1)).to.deep.equal({ turn: 2, turnStart: 5000 })
    expect(ledger.accept(5000)).to.include({ offset: 5000 })
  })

  it('takes an endpoint at or beyond the mark for its answer, and numbers audio before it as before', () => {
    const ledger = new TurnLedger(0, 0)
    ledger.add(mark(5000))
    ledger.add(mark(5000))
    expect(ledger.accept(5120)).to.include({ offset: 5000 })
    expect(ledger.marks.map((m) => m.offset)).to.deep.equal([5120])
    expect(ledger.numberAt(5050, 0)).to.deep.equal({ turn: 0, turnStart: 0 })
  })
})

describe('ClientSamples', () => {
  // Goal: acknowledgements are in the client's own samples. Method: 44.1 kHz, whose ratio is not whole.
  it("counts at the client's rate and starts anew where the resampler does", () => {
    const samples = new ClientSamples(44_100, { offset: 0, samples: 0 }, 0)
    expect(samples.at(16_000)).to.equal(44_100)
    samples.note(16_100, 44_376)
    expect(samples.at(16_099)).to.equal(44_372)
    expect(samples.at(16_100)).to.equal(44_376)
    expect(samples.takeNews(20_000, 500), 'too soon').to.equal(undefined)
    expect(samples.takeNews(20_000, 1_000)).to.equal(55_125)
    expect(samples.takeNews(20_000, 9_000), 'no news').to.equal(undefined)
    expect(samples.at(32_100)).to.equal(88_476)
  })
})

describe('resume tokens', () => {
  // Goal: only what an edge with the same secret issued, and not too long ago, is believed.
  const secret = 's'.repeat(32)
  it('are good at any edge with the secret, until they expire', () => {
    const token = new ResumeTokens(secret, 60_000).issue(randomId(), 1_000)
    expect(new ResumeTokens(secret, 1).isValid(token, 60_000)).to.equal(true)
    expect(new ResumeTokens(secret, 1).isValid(token, 62_000)).to.equal(false)
    expect(new ResumeTokens('t'.repeat(32), 60_000).isValid(token, 1_000)).to.equal(false)
    expect(new ResumeTokens('', 60_000).isValid(token, 1_000)).to.equal(false)
  })
  it('are refused when anything in them was changed', () => {
    const tokens = new ResumeTokens(secret, 60_000)
    const token = tokens.issue(randomId(), 0)
    for (let i = 0; i < token.length; i++) {
      const changed = token.slice(0, i) + (token[i] === 'a' ? 'b' : 'a') + token.slice(i + 1)
      expect(tokens.isValid(changed, 0), changed).to.equal(false)
    }
    for (const bad of ['', '.', '1.2.3', 'x'.repeat(5000)]) expect(tokens.isValid(bad, 0)).to.equal(false)
  })
})

describe('the origin rule', () => {
  // Goal: on a loopback address only the edge's own page may connect. Method: origins that a browser would send.
  const rule = { host: '127.0.0.1', port: 8080, allowed: '' }
  it('takes its own page by each of its names, and programs without an origin', () => {
    for (const origin of [undefined, 'http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080'])
      expect(isOriginAllowed(origin, rule), origin).to.equal(true)
  })
  it('refuses other sites, other ports, null, and names that only resolve to us', () => {
    for (const origin of [
      'http://evil.example',
      'http://evil.example:8080',
      'http://localhost',
      'http://localhost:8081',
      'null',
      '',
      'file://',
      'http://localhost.evil.example:8080',
    ])
      expect(isOriginAllowed(origin, rule), origin).to.equal(false)
  })
  it('follows the list where there is one, and takes anybody on an open address without', () => {
    expect(isOriginAllowed('https://a.example', { ...rule, allowed: 'https://a.example, https://b.example' })).to.equal(
      true,
    )
    expect(
      isOriginAllowed('https://c.example', { host: '0.0.0.0', port: 8080, allowed: 'https://a.example' }),
    ).to.equal(false)
    expect(isOriginAllowed('https://c.example', { host: '0.0.0.0', port: 8080, allowed: '' })).to.equal(true)
    expect(isOriginAllowed('https://c.example', { ...rule, allowed: '*' })).to.equal(true)
  })
})

describe('static files', () => {
  // Goal: the page and nothing else. Method: a real server over a folder with a secret beside it.
  const folder = temporaryFolder()

  it('serves files with their types and a strict policy, and no path leads out', async () => {
    const web = folder.file('web')
    await mkdir(web)
    await writeFile(folder.file('secret.txt'), 'secret')
    await writeFile(join(web, 'index.html'), '<!doctype html>')
    await writeFile(join(web, 'app.js'), 'export {}')
    await writeFile(join(web, 'notes.txt'), 'not a web file')
    const files = await StaticFiles.load(web)
    const server = createServer((request, response) => {
      if (!files.serve(request, response)) response.writeHead(404).end()
    })
    const port = await listen(server, '127.0.0.1', 0)
    const get = (path: string, headers = {}): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, { headers })
    try {
      const page = await get('/')
      expect(page.headers.get('content-type')).to.match(/^text\/html/)
      expect(page.headers.get('content-security-policy')).to.match(/default-src 'none'/)
      expect((await get('/app.js?x')).headers.get('content-type')).to.match(/^text\/javascript/)
      expect((await get('/app.js', { 'if-none-match': (await get('/app.js')).headers.get('etag')! })).status).to.equal(
        304,
      )
      for (const path of [
        '/../secret.txt',
        '/%2e%2e/secret.txt',
        '/..%2fsecret.txt',
        '/notes.txt',
        '/nothing',
        '//etc/passwd',
      ])
        expect((await get(path)).status, path).to.equal(404)
    } finally {
      await closeServer(server)
    }
  })
})
