import { expect } from 'chai'
import pino from 'pino'
import { StopSequence } from '@yap/runtime'

const silent = pino({ level: 'silent' })

describe('StopSequence', () => {
  // Goal: parts stop last in, first out, once, and never for longer than the deadline. Method: parts that note their end, fail, or hang.

  it('stops in the reverse order of starting, and only once', async () => {
    const order: string[] = []
    const codes: number[] = []
    const stop = new StopSequence(silent, { deadlineMs: 1000, exit: (code) => codes.push(code) })
    for (const name of ['nats', 'model', 'doors']) stop.own(name, { stop: async () => void order.push(name) })
    await Promise.all([stop.stop('test'), stop.stop('again')])
    expect(order).to.deep.equal(['doors', 'model', 'nats'])
    expect(codes).to.deep.equal([0])
  })

  it('goes on past a part that fails, and exits with 1', async () => {
    const order: string[] = []
    const codes: number[] = []
    const stop = new StopSequence(silent, { deadlineMs: 1000, exit: (code) => codes.push(code) })
    stop.onStop('first', () => void order.push('first'))
    stop.onStop('broken', () => Promise.reject(new Error('no')))
    await stop.stop('test')
    expect(order).to.deep.equal(['first'])
    expect(codes).to.deep.equal([1])
  })

  it('says what hung when the deadline passes, and exits with 1', async () => {
    const lines: string[] = []
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) })
    const code = await new Promise((resolve) => {
      const stop = new StopSequence(log, { deadlineMs: 10, exit: resolve })
      stop.onStop('engine', () => new Promise(() => {}))
      void stop.stop('test')
    })
    expect(code).to.equal(1)
    expect(lines.join()).to.include('stopping hung in engine')
  })
})
