import { SlotTable, type Slot } from '@yap/asr-worker'
import { expect } from 'chai'
import fc from 'fast-check'

// Goal: a row of state is never shared, and a former user of it is always recognised as such.
// Method: fixed cases, and random take/release sequences against a set of the rows in use.
describe('the slot table', () => {
  it('gives each row to one user at a time and says when there is none', () => {
    const table = new SlotTable(2)
    const rows = [table.take()!, table.take()!]
    expect(new Set(rows.map((slot) => slot.index)).size).to.equal(2)
    expect(table.take()).to.equal(undefined)
    table.release(rows[0]!)
    expect(table.take()).to.deep.equal({ index: rows[0]!.index, generation: rows[0]!.generation + 1 })
  })

  it('tells a former user from the present one', () => {
    const table = new SlotTable(1)
    const before = table.take()!
    table.release(before)
    expect(table.isCurrent(before)).to.equal(false)
    const now = table.take()!
    expect(table.isCurrent(now)).to.equal(true)
    expect(table.isCurrent(before)).to.equal(false)
    expect(() => table.release(before)).to.throw('not in use')
  })

  it('starts at the row that it is told to', () => {
    const table = new SlotTable(2, 10)
    expect([table.take()!.index, table.take()!.index]).to.deep.equal([10, 11])
  })

  it('never gives one row to two users, whatever the order of taking and giving back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1, max: 7 }), { maxLength: 200 }), (acts) => {
        const table = new SlotTable(8)
        const used: Slot[] = []
        for (const act of acts) {
          if (act < 0) {
            const slot = table.take()
            expect(slot === undefined).to.equal(used.length === 8)
            if (slot) used.push(slot)
          } else if (act < used.length) table.release(used.splice(act, 1)[0]!)
          expect(new Set(used.map((slot) => slot.index)).size).to.equal(used.length)
          expect(table.usedCount).to.equal(used.length)
          expect(used.every((slot) => table.isCurrent(slot))).to.equal(true)
        }
      }),
    )
  })
})
