import { framesOf, framesOfStream, sendPaced } from '@yap/tools'
import { expect } from 'chai'

describe('sendPaced', () => {
  // Goal: frames go out by the clock, neither early nor put off by a slow receiver.
  // Method: frames of 10 ms into a receiver that notes the time; lateness is the machine's, so only bounds that hold on
  // a busy one are checked.

  it('sends no frame before its time', async () => {
    const sentMs: number[] = []
    const send = (): void => void sentMs.push(performance.now())
    const paced = await sendPaced(framesOf(new Int16Array(1600), 160), { send, writable }, { frameMs: 10, speed: 1 })
    expect(paced).to.include({ frames: 10, bytes: 3200 })
    // Timers may fire a fraction of a millisecond early.
    for (const [i, atMs] of sentMs.entries()) expect(atMs - paced.startMs).to.be.at.least(i * 10 - 1)
  })

  it('plays faster when it is asked to', async () => {
    const beganMs = performance.now()
    let sent = 0
    const send = (): void => void sent++
    await sendPaced(framesOf(new Int16Array(160_000), 160), { send, writable }, { frameMs: 10, speed: 1000 })
    expect(sent).to.equal(1000)
    expect(performance.now() - beganMs).to.be.below(5000)
  })

  it('catches up after a hold-up instead of moving every later frame', async () => {
    let sent = 0
    const slowOnce = async (): Promise<void> => {
      if (sent === 2) await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const send = (): void => void sent++
    const beganMs = performance.now()
    const frames = framesOf(new Int16Array(4800), 160)
    const paced = await sendPaced(frames, { send, writable: slowOnce }, { frameMs: 10, speed: 1 })
    expect(sent).to.equal(30)
    expect(paced.lateMsMax).to.be.at.least(99)
    // 30 frames take 290 ms; put off they would take 390. The bound leaves room for a busy machine.
    expect(performance.now() - beganMs).to.be.at.least(280)
  })

  it('stops in the middle when it is told to', async () => {
    const stop = new AbortController()
    let sent = 0
    const send = (): void => {
      if (++sent === 3) stop.abort()
    }
    const options = { frameMs: 10, speed: 1, signal: stop.signal }
    const paced = await sendPaced(framesOf(new Int16Array(16_000), 160), { send, writable }, options)
    expect(paced.frames).to.be.within(3, 4)
  })

  it('cuts a stream of bytes into frames and keeps every byte', async () => {
    const frames: number[][] = []
    for await (const frame of framesOfStream(pieces(), 4)) frames.push([...frame])
    expect(frames).to.deep.equal([[1, 2, 3, 4], [5, 6, 7, 8], [9]])
  })
})

function writable(): Promise<void> {
  return Promise.resolve()
}

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield* [Uint8Array.of(1), Uint8Array.of(2, 3, 4, 5, 6), new Uint8Array(0), Uint8Array.of(7, 8, 9)]
}
