/** Heartbeats as workers send them, for tests that need one of a certain kind. */
import { asId, randomId, type Heartbeat, type Id } from '@yap/protocol'

export function heartbeat(over: Partial<Heartbeat> & { model?: Heartbeat['model'] } = {}): Heartbeat {
  const worker: Id = over.worker ?? randomId()
  return {
    worker,
    name: worker,
    incarnation: asId('inc1'),
    seq: 0,
    zone: '',
    grpc: '127.0.0.1:1',
    model: testModel(),
    device: 'cpu',
    slots: 16,
    sessions: 0,
    busyShare: 0,
    busySharePerSession: { '70,0': 0.1, '70,1': 0.05, '70,6': 0.02, '70,13': 0.01 },
    stepMsP50: 5,
    stepMsP95: 8,
    draining: false,
    ...over,
  }
}

export function testModel(over: Partial<Heartbeat['model']> = {}): Heartbeat['model'] {
  return {
    name: 'demo-digits-en',
    hash: 'hash1',
    description: 'a model for tests',
    knows: 'English digits',
    licence: 'Apache-2.0',
    lookAheads: ['70,0', '70,1', '70,6', '70,13'],
    defaultLookAhead: '70,1',
    decoders: ['rnnt', 'ctc'],
    ...over,
  }
}
