import { readAudioFile } from '@yap/audio'
import { DEMO_MODEL, resolveModel, StreamingRecogniser, type Decoder } from '@yap/model'
import { expect } from 'chai'
import { join } from 'node:path'
import { eventually } from '../support/eventually.js'
import { NatsServer } from '../support/nats-server.js'
import { repositoryDir, sharedDir } from '../support/shared-dir.js'
import { StubEdge } from '../support/stub-edge.js'
import { WorkerRig } from '../support/worker-rig.js'

const TAIL_SAMPLES = 1280
const CASES: { right: number; decoder: Decoder }[] = [
  { right: 0, decoder: 'rnnt' },
  { right: 1, decoder: 'rnnt' },
  { right: 1, decoder: 'ctc' },
  { right: 6, decoder: 'rnnt' },
  { right: 13, decoder: 'ctc' },
]

/** What one stream alone says, stepped without a service, with the tail that a worker adds. */
async function alone(modelDir: string, pcm: Int16Array): Promise<string[]> {
  const recogniser = await StreamingRecogniser.open(modelDir)
  const texts: string[] = []
  for (const { right, decoder } of CASES) {
    const stream = recogniser.stream({ attCtx: `70,${right}`, decoder })
    stream.push(pcm)
    stream.push(new Int16Array(TAIL_SAMPLES))
    stream.finish()
    await recogniser.stepAll()
    texts.push(stream.text)
    stream.close()
  }
  await recogniser.close()
  return texts
}

// Goal: the service says exactly what the model says: batches, threads, NATS and lost messages change no token.
// Method: real models; all look-aheads and both decoders at once through a worker, one of them over a lossy wire, against
// each alone in a recogniser; two turns each, so that a turn's state is seen not to reach the next one.
describe('a worker with a real model', function () {
  this.timeout(120_000)
  let nats: NatsServer
  let edge: StubEdge

  before(async () => {
    nats = await NatsServer.start()
    edge = await StubEdge.connect(nats.url)
  })

  after(async () => {
    await edge?.stop()
    await nats?.stop()
  })

  async function sameTexts(model: string): Promise<string[]> {
    const modelDir = await resolveModel(model)
    const { pcm } = await readAudioFile(join(repositoryDir, 'samples', 'pi.wav'))
    const expected = await alone(modelDir, pcm)
    const rig = await WorkerRig.start({ natsUrl: nats.url, model: modelDir, settings: { YAP_DRAIN_MS_MAX: '2000' } })
    try {
      const sessions = await Promise.all(
        CASES.map(({ right, decoder }) => edge.open(rig.id, { right, decoder, failover: true })),
      )
      sessions[1]!.lossShare = 0.2
      for (const session of sessions) {
        session.say(pcm)
        session.finalize()
        session.say(pcm)
        session.close()
      }
      await eventually('all are released', () => sessions.every((session) => session.released), { withinMs: 90_000 })
      for (const [i, session] of sessions.entries())
        expect(session.finals.map((final) => final.text)).to.deep.equal([expected[i], expected[i]])
    } finally {
      await rig.stop()
    }
    return expected
  }

  it('says what the demo model says', async () => {
    const texts = await sameTexts(DEMO_MODEL)
    expect(texts[1]).to.contain('three')
  })

  it('says what a random model says, whose every token is visible', async function () {
    await sameTexts(sharedDir(this, 'goldens', 'tiny.nemo'))
  })
})
