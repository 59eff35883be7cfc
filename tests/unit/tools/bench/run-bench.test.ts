import {
  percentile,
  runBench,
  summarise,
  summariseBench,
  summaryJson,
  summaryLines,
  type BenchResult,
} from '@yap/tools'
import { expect } from 'chai'
import { FakeEdge, fakeText, type FakeEdgeOptions } from '../../../support/fake-edge.js'

describe('runBench', () => {
  // Goal: n talks, never more than asked at a time, each outcome counted as what it was; the summary tells it all.
  // Method: a fake edge in this process, audio of four seconds as fast as it goes.
  const edges: FakeEdge[] = []
  afterEach(async () => {
    for (const edge of edges.splice(0)) await edge.stop()
  })

  const params = {
    server: 'ws://x/',
    file: 'a.wav',
    n: 7,
    concurrency: 3,
    rtf: 1000,
    attCtx: undefined,
    decoder: undefined,
  }

  async function run(
    options: FakeEdgeOptions = {},
    signal?: AbortSignal,
  ): Promise<{ edge: FakeEdge; result: BenchResult }> {
    const edge = await FakeEdge.start(options)
    edges.push(edge)
    const { n, concurrency, rtf: speed } = params
    const pcm = new Int16Array(64_000)
    const stop = signal ? { signal } : {}
    const result = await runBench({
      url: edge.url,
      init: { decoder: 'ctc' },
      pcm,
      speed,
      n,
      concurrency,
      spreadMs: 5,
      ...stop,
    })
    return { edge, result }
  }

  it('plays all of the audio n times, in frames of 20 ms, as many at a time as asked', async () => {
    const { edge, result } = await run()
    expect(edge.liveMax).to.be.at.most(3)
    expect(edge.inits.map((init) => init.sid)).to.have.members([1, 2, 3, 4, 5, 6, 7].map((i) => `bench-${i}`))
    expect(edge.inits.every((init) => init.decoder === 'ctc')).to.equal(true)
    expect(new Set(edge.frameBytes)).to.deep.equal(new Set([640]))
    expect(result.outcomes.map((outcome) => outcome.kind)).to.deep.equal(Array(7).fill('completed'))
    for (const outcome of result.outcomes)
      if (outcome.kind === 'completed') expect(outcome.talk.text).to.equal(fakeText(64_000))
  })

  it('summarises what it measured', async () => {
    const { result } = await run()
    const summary = summariseBench(params, result)
    expect(summary).to.include({
      completed: 7,
      rejected: 0,
      errors: 0,
      audioTotalS: 28,
      distinctTexts: 1,
      model: 'fake',
    })
    expect(summary.audioS).to.include({ avg: 4, p50: 4, p95: 4 })
    expect(summary.rtf!.avg).to.be.closeTo(summary.wallS!.avg / 4, 1e-9)
    expect(summary.throughput).to.be.closeTo(28 / summary.totalS, 1e-9)
    const lines = summaryLines(summary).join('\n')
    for (const name of [
      'Wall',
      'Audio',
      'RTF',
      'xRT',
      'TTFW',
      'Rejected',
      'Errors',
      'Total elapsed',
      'Audio processed',
      'Throughput',
    ])
      expect(lines).to.match(new RegExp(`^${name} `, 'm'))
    expect(lines)
      .to.match(/avg +p50 +p95/)
      .and.to.include('idle thread')
    const json = JSON.parse(JSON.stringify(summaryJson(summary))) as Record<string, unknown>
    expect(json).to.include({ n: 7, concurrency: 3, speed: 1000, completed: 7, rejected: 0, audio_processed_s: 28 })
    expect(json.ttfw_s).to.have.keys('count', 'avg', 'p50', 'p95', 'max')
  })

  it('counts refusals for want of room apart from errors, and goes on', async () => {
    let asked = 0
    const refuse = () => {
      asked++
      if (asked === 2) return { code: 'capacity', message: 'full', close: 1013 }
      return asked === 4 ? { code: 'internal', message: 'broken', close: 1011 } : undefined
    }
    const { result } = await run({ refuse })
    const summary = summariseBench(params, result)
    expect(summary).to.include({ completed: 5, rejected: 1, errors: 1 })
    expect(summary.messages.map(([message]) => message)).to.have.members([
      'the server refused: capacity: full',
      'the server refused: internal: broken',
    ])
  })

  it('ends early when it is told to, and tells what was done until then', async () => {
    const { result } = await run({ failAfter: { samples: 100, how: 'mute' } }, AbortSignal.timeout(1000))
    expect(result.outcomes.length).to.equal(3)
    expect(summariseBench(params, result)).to.include({ completed: 0, stopped: 3, errors: 0 })
    expect(summaryLines(summariseBench(params, result)).join('\n')).to.match(/^Stopped +3$/m)
  })
})

describe('summarise', () => {
  // Goal: a percentile is a value that was measured, by nearest rank.
  it('takes averages, nearest ranks and the largest', () => {
    const values = Array.from({ length: 20 }, (_, i) => 20 - i)
    expect(summarise(values)).to.deep.equal({ count: 20, avg: 10.5, p50: 10, p95: 19, max: 20 })
    expect(summarise([3])).to.deep.equal({ count: 1, avg: 3, p50: 3, p95: 3, max: 3 })
    expect(summarise([])).to.equal(undefined)
    expect(percentile([1, 2], 0)).to.equal(1)
  })
})
