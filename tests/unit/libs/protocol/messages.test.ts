import { expect } from 'chai'
import fc from 'fast-check'
import {
  AUDIO_HEADER_BYTES,
  decodeAudioMessage,
  decodeBindRequest,
  decodeBindResponse,
  decodeHeartbeat,
  decodeTextMessage,
  encodeAudioMessage,
  encodeBindRequest,
  encodeBindResponse,
  encodeHeartbeat,
  encodeTextMessage,
  LIMITS,
  ProtocolError,
  randomId,
  type BindRequest,
  type Heartbeat,
  type TextMessage,
} from '@yap/protocol'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const offset = fc.integer({ min: 0, max: 2 ** 50 })

describe('messages between services', () => {
  // Goal: what one side writes the other reads, and nothing else is taken for a message.
  // Method: properties over random messages; every truncation; hex of one message written by hand.
  const audio = fc
    .record({
      flags: fc.integer({ min: 0, max: 7 }),
      epoch: u32,
      turn: u32,
      ack: u32,
      turnStart: offset,
      into: fc.integer({ min: 0, max: 1e6 }),
      pcm: fc.int16Array({ maxLength: 200 }),
    })
    .map(({ into, ...m }) => ({ ...m, offset: m.turnStart + into }))

  it('decode(encode(audio)) is the audio, at any address', () => {
    fc.assert(
      fc.property(audio, fc.integer({ min: 0, max: 3 }), ({ pcm, ...header }, shift) => {
        // As a Buffer, which is what arrives: its slice() differs from that of a Uint8Array.
        const buffer = Buffer.alloc(AUDIO_HEADER_BYTES + pcm.length * 2 + shift)
        const bytes = encodeAudioMessage(header, pcm, buffer.subarray(shift))
        const back = decodeAudioMessage(buffer.subarray(shift, shift + bytes))
        expect({ ...back, pcm: [...back.pcm] }).to.deep.equal({ ...header, pcm: [...pcm] })
      }),
    )
  })

  it('keeps the layout of version 1 to the byte', () => {
    const buffer = new Uint8Array(36)
    encodeAudioMessage(
      { flags: 5, epoch: 2, turn: 3, ack: 4, offset: 1280, turnStart: 256 },
      Int16Array.of(1, -2),
      buffer,
    )
    expect(Buffer.from(buffer).toString('hex')).to.equal(
      '0105000002000000030000000400000000050000000000000001000000000000' + '0100feff',
    )
  })

  it('refuses every truncation of an audio message that cuts its header or a sample', () => {
    const buffer = new Uint8Array(AUDIO_HEADER_BYTES + 8)
    encodeAudioMessage({ flags: 0, epoch: 0, turn: 0, ack: 0, offset: 0, turnStart: 0 }, new Int16Array(4), buffer)
    for (let n = 0; n < buffer.length; n++) {
      if (n >= AUDIO_HEADER_BYTES && n % 2 === 0) continue
      expect(() => decodeAudioMessage(buffer.subarray(0, n)), `${n} bytes`).to.throw(ProtocolError)
    }
  })

  it('refuses unknown versions and flags, offsets before the turn, and too many samples', () => {
    const buffer = new Uint8Array(AUDIO_HEADER_BYTES)
    encodeAudioMessage({ flags: 0, epoch: 0, turn: 0, ack: 0, offset: 9, turnStart: 9 }, new Int16Array(0), buffer)
    for (const [at, value] of [
      [0, 2],
      [1, 8],
      [16, 1],
    ] as const) {
      const bad = buffer.slice()
      bad[at] = value
      expect(() => decodeAudioMessage(bad)).to.throw(ProtocolError)
    }
    const long = new Uint8Array(AUDIO_HEADER_BYTES + LIMITS.audioMessageSamplesMax * 2 + 2)
    long.set(buffer)
    expect(() => decodeAudioMessage(long)).to.throw(ProtocolError, /exceeds/)
  })

  it('never throws anything but ProtocolError, whatever the bytes', () => {
    const decoders = [decodeAudioMessage, decodeTextMessage, decodeBindRequest, decodeBindResponse, decodeHeartbeat]
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    )
    fc.assert(
      fc.property(bytes, fc.constantFrom(...decoders), (data, decode) => {
        try {
          decode(data)
        } catch (error) {
          expect(error).to.be.instanceOf(ProtocolError)
        }
      }),
    )
  })

  const text: TextMessage = {
    epoch: 1,
    turn: 2,
    received: 4000,
    consumed: 3000,
    checkpoint: 1000,
    results: [
      {
        index: 4,
        turn: 1,
        kind: 'final',
        text: 'one two',
        end: 1000,
        cause: 'finalize',
        words: [['one', 80, 400, 0.9]],
      },
      { index: 5, turn: 2, kind: 'interim', text: 'thrée', end: 3000, queueMs: 1.5, stepMs: 9 },
    ],
    lagging: true,
    need: 4000,
  }

  it('decode(encode(text)) has everything that was said', () => {
    expect(decodeTextMessage(encodeTextMessage(text))).to.deep.include({
      ...text,
      results: text.results.map((r) => ({ ...r })),
    })
  })

  it('skips fields it does not know and refuses versions it does not know', () => {
    const encode = (value: object) => new TextEncoder().encode(JSON.stringify(value))
    expect(decodeTextMessage(encode({ v: 1, ...text, newer: true }))).to.not.have.property('newer')
    expect(() => decodeTextMessage(encode({ ...text, v: 2 }))).to.throw(ProtocolError)
  })

  it('sends the oldest results first when not all fit, and a turn of hours without its words', () => {
    const long = 'word '.repeat(60_000)
    const results = [0, 1, 2, 3].map((index) => ({ index, turn: 0, kind: 'interim' as const, text: long, end: 0 }))
    const back = decodeTextMessage(encodeTextMessage({ ...text, results }))
    expect(back.results.map((r) => r.index)).to.deep.equal([0, 1])
    const words = Array.from(
      { length: LIMITS.textWordsMax },
      (_, i) => ['x'.repeat(60), i, i, 1] as [string, number, number, number],
    )
    const one = decodeTextMessage(encodeTextMessage({ ...text, results: [{ ...results[0]!, text: 'short', words }] }))
    expect(one.results[0]).to.include({ text: 'short' }).and.not.have.property('words')
  })

  const bind: BindRequest = {
    session: randomId(),
    epoch: 3,
    edge: randomId(),
    right: 1,
    decoder: 'ctc',
    modelHash: 'abc',
    turn: 1,
    turnStart: 1280,
    offset: 1280,
    index: 7,
    words: true,
    interim: false,
    endpointMs: null,
    failover: true,
  }

  it('carries binds and their answers', () => {
    expect(decodeBindRequest(encodeBindRequest(bind))).to.deep.equal(bind)
    const geometry = { right: 1, firstChunkSamples: 1480, chunkSamples: 2560 }
    expect(decodeBindResponse(encodeBindResponse({ status: 'bound', geometry }))).to.deep.include({
      status: 'bound',
      geometry,
    })
    expect(decodeBindResponse(encodeBindResponse({ status: 'full', message: '8 of 8' }))).to.include({ status: 'full' })
    expect(() => decodeBindRequest(encodeBindRequest({ ...bind, session: 'a.b' as BindRequest['session'] }))).to.throw(
      ProtocolError,
    )
  })

  it('carries heartbeats', () => {
    const beat: Heartbeat = {
      worker: randomId(),
      name: 'asr-worker-1',
      incarnation: randomId(8),
      seq: 1,
      zone: '',
      grpc: '127.0.0.1:1',
      model: {
        name: 'demo',
        hash: 'h',
        description: '',
        knows: 'digits',
        licence: '',
        lookAheads: ['70,1'],
        defaultLookAhead: '70,1',
        decoders: ['rnnt'],
      },
      device: 'cpu',
      slots: 8,
      sessions: 0,
      busyShare: 0.1,
      busySharePerSession: { '70,1': 0.02 },
      stepMsP50: 4,
      stepMsP95: 6,
      draining: false,
    }
    expect(decodeHeartbeat(encodeHeartbeat(beat))).to.deep.equal(beat)
  })
})
