import { expect } from 'chai'
import { webModule } from './web-module.js'

const { SentLog, Readings } = await webModule<{
  SentLog: new () => { add(samples: number, atMs: number): void; cover(offset: number): number | undefined }
  Readings: new () => {
    add(ms: number): void
    clear(): void
    readonly summary: { now: number; median: number; p95: number } | undefined
  }
}>('latency.js')

describe('the latency that the web page shows', () => {
  // Goal: a reading runs from the moment when the last sample that a result covers was sent.
  // Method: frames of 320 samples, sent at 20, 40, 60... ms; offsets asked for.
  it('finds when the frame was sent that ends at the offset, or holds it', () => {
    const log = sent(10)
    expect(log.cover(320)).to.equal(20)
    expect(log.cover(700)).to.equal(60)
    expect(log.cover(960)).to.equal(60)
    expect(log.cover(3200)).to.equal(200)
  })

  it('is not fooled by an offset that was rounded to a millisecond', () => {
    expect(sent(10).cover(640 + 15)).to.equal(40)
    expect(sent(10).cover(640 - 15)).to.equal(40)
  })

  it('takes no second reading from a repeated result', () => {
    const log = sent(10)
    log.cover(640)
    expect(log.cover(640)).to.equal(undefined)
    expect(log.cover(320)).to.equal(undefined)
  })

  it('reads the last frame for an offset beyond what was sent, as silence at the end of a turn gives', () => {
    expect(sent(2).cover(10_000)).to.equal(40)
  })

  it('stays right after hours of frames were forgotten', () => {
    const log = new SentLog()
    for (let i = 1; i <= 20_000; i++) {
      log.add(320, i * 20)
      if (i % 8 === 0) expect(log.cover(i * 320)).to.equal(i * 20)
    }
  })

  it('gives the newest reading, the median and the 95th percentile', () => {
    const readings = new Readings()
    expect(readings.summary).to.equal(undefined)
    for (let ms = 100; ms >= 1; ms--) readings.add(ms)
    expect(readings.summary).to.deep.equal({ now: 1, median: 50, p95: 95 })
    readings.clear()
    expect(readings.summary).to.equal(undefined)
  })
})

function sent(frames: number): InstanceType<typeof SentLog> {
  const log = new SentLog()
  for (let i = 1; i <= frames; i++) log.add(320, i * 20)
  return log
}
