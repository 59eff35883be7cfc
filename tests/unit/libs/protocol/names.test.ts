import { expect } from 'chai'
import fc from 'fast-check'
import {
  asId,
  audioSubject,
  audioSubjects,
  beatSubject,
  bindSubject,
  checkEncoding,
  checkSampleRate,
  chunkGeometry,
  completeSamples,
  directoryKey,
  ERRORS,
  isId,
  LIMITS,
  parseClientMessage,
  parseLookAhead,
  processId,
  randomId,
  sessionOfSubject,
  stepReadyAt,
  textSubject,
  YapError,
  type ErrorCode,
  type Id,
} from '@yap/protocol'

describe('ids and subjects', () => {
  // Goal: nothing but a server-made id can become part of a NATS subject.
  // Method: the builders get what an attacker would send; random ids are checked for shape and spread.
  const hostile = ['*', '>', 'a.b', 'a b', '', 'A', 'x\r\nPUB admin 2', 'é', 'x'.repeat(33), 'a*']

  it('refuses wildcards, dots, blanks, line ends and capitals', () => {
    for (const text of hostile) {
      expect(isId(text), text).to.equal(false)
      const id = text as Id
      for (const build of [bindSubject, beatSubject, audioSubjects, directoryKey])
        expect(() => build(id), text).to.throw(RangeError)
      for (const build of [audioSubject, textSubject]) {
        expect(() => build(id, randomId())).to.throw(RangeError)
        expect(() => build(randomId(), id)).to.throw(RangeError)
      }
    }
  })

  it('accepts exactly [0-9a-z]{1,32}', () => {
    fc.assert(fc.property(fc.stringMatching(/^[0-9a-z]{1,32}$/), (text) => asId(text) === text))
    fc.assert(fc.property(fc.string(), (text) => isId(text) === /^[0-9a-z]{1,32}$/.test(text)))
  })

  it('makes ids that differ, and process ids that keep their name', () => {
    const ids = new Set(Array.from({ length: 1000 }, () => randomId()))
    expect(ids.size).to.equal(1000)
    expect(processId('ASR-worker 1')).to.match(/^asrworker1[0-9a-z]{8}$/)
    expect(processId('***')).to.match(/^p[0-9a-z]{8}$/)
  })

  it('finds the session in a subject, or says that there is none', () => {
    const session = randomId()
    expect(sessionOfSubject(audioSubject(asId('w1'), session))).to.equal(session)
    expect(sessionOfSubject('yap.audio.w1.*')).to.equal(undefined)
  })
})

describe('the error table', () => {
  // Goal: every code that clients were promised is there, with its close code. Method: the list of docs/PROTOCOL.md, by hand.
  const promised: Record<ErrorCode, number> = {
    bad_init: 4400,
    unauthorized: 4401,
    forbidden: 4403,
    resume_lost: 4404,
    init_timeout: 4408,
    idle_timeout: 4410,
    session_too_long: 4413,
    unsupported: 4415,
    bad_audio: 4422,
    slow_client: 4429,
    too_large: 1009,
    internal: 1011,
    draining: 1012,
    capacity: 1013,
  }
  it('has each code with the close code that was promised', () => {
    expect(Object.fromEntries(Object.entries(ERRORS).map(([code, kind]) => [code, kind.close]))).to.deep.equal(promised)
  })
  it('says "do not retry" exactly for 44xx below 4420 and 4422', () => {
    for (const [code, { close, retry }] of Object.entries(ERRORS)) {
      expect(retry, code).to.equal(!((close >= 4400 && close < 4420) || close === 4422))
    }
  })
})

describe('look-aheads', () => {
  // Goal: chunks are where the design says. Method: its formula, and counting step by step.
  it('step k of a turn is ready after 1280 (R + k (R+1)) + 200 samples', () => {
    for (const right of [0, 1, 6, 13]) {
      const g = chunkGeometry(right)
      for (let k = 0; k < 5; k++) {
        const at = 1280 * (right + k * (right + 1)) + 200
        expect(stepReadyAt(g, k)).to.equal(at)
        expect(completeSamples(g, at)).to.equal(at)
        expect(completeSamples(g, at - 1)).to.equal(k === 0 ? 0 : at - 1280 * (right + 1))
      }
    }
  })

  it('takes aliases with a warning and refuses what is no pair of numbers', () => {
    expect(parseLookAhead('70,1')).to.deep.equal({ name: '70,1', left: 70, right: 1 })
    expect(parseLookAhead('70,16'))
      .to.include({ name: '70,6', right: 6 })
      .and.to.have.property('warning')
      .that.matches(/70,16 is an alias of 70,6/)
    expect(parseLookAhead('70,33')).to.include({ name: '70,13' })
    expect(parseLookAhead(' [70, 13] ')).to.include({ name: '70,13' })
    for (const bad of ['', '70', '70,1,2', 'a,b', '70,-1', '70,1.5'])
      expect(parseLookAhead(bad), bad).to.equal(undefined)
  })
})

describe('client messages', () => {
  // Goal: the seed's messages are valid to the letter, anything malformed is bad_init with a reason.
  const codeOf = (act: () => unknown) => {
    try {
      act()
    } catch (error) {
      return error instanceof YapError ? error.code : String(error)
    }
    return 'ok'
  }
  const init = (over: object) =>
    codeOf(() => parseClientMessage(JSON.stringify({ op: 'init', sid: 'a1', sr: 16000, ...over })))

  it('reads what the seed wrote', () => {
    expect(parseClientMessage('{"op":"init","sid":"a1","sr":16000}')).to.include({
      op: 'init',
      sid: 'a1',
      sr: 16000,
      interim: 'step',
      encoding: 'pcm_s16le',
    })
    expect(parseClientMessage('{"op":"finalize"}')).to.deep.equal({ op: 'finalize' })
    expect(parseClientMessage('{"op":"close","sid":"a1"}')).to.include({ op: 'close' })
    expect(parseClientMessage('{"op":"close"}')).to.deep.equal({ op: 'close' })
  })

  it('refuses sids that are not labels', () => {
    const sids: unknown[] = [
      '',
      'x'.repeat(10_000),
      'a\u0000',
      'a\r\nb',
      'a\u202e',
      '*',
      'a.>',
      7,
      null,
      undefined,
      {},
      ['a'],
    ]
    for (const sid of sids) expect(init({ sid }), JSON.stringify(sid)).to.equal('bad_init')
    for (const sid of ['a1', 'x'.repeat(LIMITS.sidCharsMax), 'Zürich 12', 'a.b:c', '電話'])
      expect(init({ sid }), sid).to.equal('ok')
  })

  it('refuses what is no message', () => {
    for (const text of [
      '',
      '{',
      '[]',
      '1',
      'null',
      '{}',
      '{"op":"shout"}',
      '{"op":["init"]}',
      `{"op":"finalize","pad":"${'x'.repeat(9000)}"}`,
    ])
      expect(
        codeOf(() => parseClientMessage(text)),
        text.slice(0, 40),
      ).to.equal('bad_init')
    for (const over of [
      { sr: '16000' },
      { words: 1 },
      { interim: true },
      { endpoint_ms: 5 },
      { resume: {} },
      { ack: 'yes' },
      { decoder: 7 },
    ])
      expect(init(over), JSON.stringify(over)).to.equal('bad_init')
  })

  it('says what is offered where a rate or an encoding is not', () => {
    for (const sr of [0, 7999, 48001, 16000.5, -1, 1e9])
      expect(
        codeOf(() => checkSampleRate(sr)),
        String(sr),
      ).to.equal('unsupported')
    expect(() => checkEncoding('mp3')).to.throw(YapError, /pcm_s16le, pcm_f32le, mulaw, alaw/)
    expect(checkSampleRate(44100)).to.equal(44100)
  })
})
