import { expect } from 'chai'
import { ERRORS } from '@yap/protocol'
import { webModule } from './web-module.js'

interface Notice {
  code: string
  title: string
  detail: string
}
const { notice, noticeOfEnd } = await webModule<{
  notice(code: string): Notice
  noticeOfEnd(end: object): Promise<Notice | undefined>
}>('errors.js')

const ended = { closeCode: 1000, error: undefined, connected: true, ready: true, asked: true, silent: false }

describe('errors on the web page', () => {
  // Goal: nobody is shown a code where a sentence could stand.
  // Method: every code of the service's table, and every way in which a session can end.
  for (const code of Object.keys(ERRORS)) {
    it(`has words for ${code}`, () => {
      expect(notice(code).title).to.not.include(code)
      expect(notice(code).detail).to.match(/\.$/)
    })
  }

  it('says nothing when a session ended as it was asked to', async () => {
    expect(await noticeOfEnd(ended)).to.equal(undefined)
  })

  it('says when to try again if every place is taken', async () => {
    const words = await noticeOfEnd({ ...ended, closeCode: 1013, error: { code: 'capacity', retry_after_ms: 1500 } })
    expect(words?.detail).to.include('Try again in 2 seconds.')
  })

  it('hands on what the service does support', async () => {
    const message = 'att_ctx 70,2 is not offered; this model has 70,0 and 70,1'
    const words = await noticeOfEnd({ ...ended, closeCode: 4415, error: { code: 'unsupported', message } })
    expect(words?.detail).to.include(message)
  })

  it('tells a lost connection from a silent service', async () => {
    expect(await noticeOfEnd({ ...ended, closeCode: 1006, asked: false })).to.include({ code: 'lost' })
    expect(await noticeOfEnd({ ...ended, closeCode: 1006, silent: true })).to.include({ code: 'silent' })
  })
})
