/**
 * Goal: with an OTLP endpoint, metrics of every service and one trace a session leave the process, and neither holds what
 * was said nor what the client called itself.
 * Method: the whole service against a collector of our own (an HTTP server that keeps what it is sent).
 */
import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { readAudioFile } from '@yap/audio'
import { talk } from '@yap/tools'
import { Cluster } from '../support/cluster.js'
import { repositoryDir } from '../support/shared-dir.js'

describe('telemetry by OTLP', function () {
  this.timeout(120_000)
  const received: { path: string; body: string }[] = []
  let collector: Server
  let cluster: Cluster | undefined

  before(async () => {
    collector = createServer((request, response) => {
      void buffer(request).then((body) => {
        received.push({ path: request.url ?? '', body: body.toString() })
        response.setHeader('content-type', 'application/json').end('{}')
      })
    })
    await once(collector.listen(0, '127.0.0.1'), 'listening')
    const { port } = collector.address() as AddressInfo
    cluster = await Cluster.start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` } })
  })
  after(async () => {
    await cluster?.stop()
    collector.closeAllConnections()
    collector.close()
  })

  it('tells of a session, and keeps its words to itself', async () => {
    const address = await cluster!.address()
    const { pcm } = await readAudioFile(join(repositoryDir, 'samples', 'pin.wav'))
    const init = { sid: 'canary-of-a-client', sr: 16_000 }
    const { text } = await talk({ url: address.replace('http', 'ws'), init, audio: pcm, speed: 20 })
    expect(text).to.equal('seven two four six')
    // What is not sent yet goes out when a service stops.
    await cluster!.stop()
    const sent = (path: string) => received.filter((r) => r.path === path).map((r) => r.body)
    const spans = sent('/v1/traces').join()
    for (const name of ['session', 'place', 'bind', 'turn']) expect(spans).to.include(`"name":"${name}"`)
    const metrics = sent('/v1/metrics').join()
    for (const service of ['yap-edge', 'yap-router', 'yap-asr-worker']) expect(metrics).to.include(service)
    expect(spans + metrics).to.not.match(/seven|canary/)
  })
})
