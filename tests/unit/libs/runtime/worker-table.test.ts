import { expect } from 'chai'
import { asId } from '@yap/protocol'
import { WorkerTable } from '@yap/runtime'
import { heartbeat } from '../../../support/heartbeats.js'

const life = (changes: readonly { life: string }[]): string[] => changes.map((c) => c.life)

describe('WorkerTable', () => {
  // Goal: a dead worker is known within a second, a living one is never declared dead for the listener's own faults.
  // Method: heartbeats and ticks at chosen times.
  const worker = asId('w1')

  it('suspects after 750 ms of silence, gives up after 1 s, and believes the next heartbeat', () => {
    const table = new WorkerTable()
    expect(life(table.hear(heartbeat({ worker }), 0))).to.deep.equal(['up'])
    expect(table.tick(749)).to.deep.equal([])
    expect(life(table.tick(750))).to.deep.equal(['suspect'])
    expect(life(table.hear(heartbeat({ worker, seq: 1 }), 800))).to.deep.equal(['up'])
    expect(life(table.tick(1800))).to.deep.equal(['gone'])
    expect(table.all()).to.deep.equal([])
    expect(life(table.hear(heartbeat({ worker, seq: 2 }), 1900))).to.deep.equal(['up'])
  })

  it('hears of draining once', () => {
    const table = new WorkerTable()
    table.hear(heartbeat({ worker }), 0)
    expect(life(table.hear(heartbeat({ worker, seq: 1, draining: true }), 1))).to.deep.equal(['draining'])
    expect(table.hear(heartbeat({ worker, seq: 2, draining: true }), 2)).to.deep.equal([])
  })

  it('knows at once that a silent worker is dead when its name returns with another incarnation', () => {
    const table = new WorkerTable()
    table.hear(heartbeat({ worker, name: 'a' }), 0)
    const changes = table.hear(heartbeat({ worker: asId('w2'), name: 'a', incarnation: asId('inc2') }), 450)
    expect(changes.map((c) => `${c.worker} ${c.life}`)).to.deep.equal(['w1 gone', 'w2 up'])
  })

  it('lets two workers live that were given the same name by mistake', () => {
    const table = new WorkerTable()
    for (let t = 0, seq = 0; t < 2000; t += 200, seq++) {
      table.hear(heartbeat({ worker, name: 'a', seq }), t)
      table.hear(heartbeat({ worker: asId('w2'), name: 'a', incarnation: asId('inc2'), seq }), t + 10)
    }
    expect(table.all()).to.have.length(2)
  })

  it('ignores heartbeats that were overtaken', () => {
    const table = new WorkerTable()
    table.hear(heartbeat({ worker, seq: 5, sessions: 3 }), 0)
    table.hear(heartbeat({ worker, seq: 4, sessions: 9 }), 10)
    expect(table.get(worker)?.beat.sessions).to.equal(3)
  })

  it("holds nobody's silence against them while the listener was deaf", () => {
    const table = new WorkerTable()
    table.hear(heartbeat({ worker }), 0)
    table.forgive(5000)
    expect(table.tick(5700)).to.deep.equal([])
    expect(life(table.tick(6000))).to.deep.equal(['gone'])
  })
})
