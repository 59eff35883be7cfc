import { bucketIndex, bucketSizes, CostModel } from '@yap/asr-worker'
import { expect } from 'chai'

// Goal: what the worker promises to hold is what its engine can hold.
// Method: engines with a known cost (so much a step and so much a row), asked and corrected by hand.
describe('the cost model', () => {
  const buckets = bucketSizes(64)
  const shape = { chunkMs: [80, 160, 560], buckets }
  const measured = shape.chunkMs.map((chunkMs) => buckets.map((rows) => 4 + (rows * chunkMs) / 160))

  it('counts a row at the bucket that full load forms, not at a batch of one', () => {
    const model = new CostModel(shape, measured)
    // At 160 ms a batch of 64 takes 68 ms, twice that is below the chunk: a row costs 68 / 64 of a ms per 160 ms.
    expect(model.sessionShare(1)).to.be.closeTo(68 / 64 / 160, 1e-9)
    // At 560 ms a batch of 64 takes 228 ms; at 80 ms one of 16 takes 60, of 32 already 116.
    expect(model.busyShare([10, 20, 5])).to.be.closeTo(
      (10 * 36) / 64 / 80 + (20 * 68) / 64 / 160 + (5 * 60) / 16 / 560,
      1e-9,
    )
  })

  it('does not count on batches that take longer than half a chunk', () => {
    const slow = new CostModel({ chunkMs: [80], buckets: [1, 2, 4] }, [[10, 30, 50]])
    expect(slow.sessionShare(0)).to.be.closeTo(30 / 2 / 80, 1e-9)
  })

  it('makes no step of more frames than a step can use, so that memory for one step stays small', () => {
    const quick = new CostModel({ chunkMs: [80, 160, 560, 1120], buckets: bucketSizes(128) }, [
      [0.1],
      [0.1],
      [0.1],
      [0.1],
    ])
    expect([0, 1, 2, 3].map((lookAhead) => quick.rowsMax(lookAhead))).to.deep.equal([128, 64, 16, 8])
  })

  it('follows an engine that becomes slower, also in buckets that no step has reached', () => {
    const model = new CostModel(shape, measured)
    const before = model.sessionShare(1)
    for (let i = 0; i < 200; i++) model.observe(1, 2, 2 * measured[1]![1]!)
    expect(model.stepMs(1, 2)).to.be.closeTo(2 * measured[1]![1]!, 0.1)
    expect(model.sessionShare(1)).to.be.greaterThan(1.8 * before)
    expect(model.sessionShare(0)).to.be.closeTo(36 / 64 / 80, 1e-9)
  })

  it('is not frightened by one step that was held up', () => {
    const model = new CostModel(shape, measured)
    for (let i = 0; i < 100; i++) model.observe(1, 64, 68)
    const before = model.busyShare([0, 40, 0])
    model.observe(1, 64, 6800)
    expect(model.busyShare([0, 40, 0])).to.be.lessThan(1.2 * before)
  })

  it('errs on the careful side where warm-up had no time to measure', () => {
    const model = new CostModel(shape, [[], [4.5, 5, 6], []])
    expect(model.stepMs(1, 64)).to.be.closeTo((6 * 64) / 4, 1e-9)
    expect(model.stepMs(0, 1)).to.be.greaterThan(0)
    expect(() => new CostModel(shape, [[], [], []])).to.throw('at least one')
  })

  it('pads a batch to the next bucket', () => {
    expect(bucketSizes(128)).to.deep.equal([1, 2, 4, 8, 16, 32, 64, 128])
    expect(bucketSizes(6)).to.deep.equal([1, 2, 4, 6])
    expect([1, 2, 3, 5, 6].map((rows) => bucketIndex([1, 2, 4, 6], rows))).to.deep.equal([0, 1, 2, 3, 3])
  })
})
