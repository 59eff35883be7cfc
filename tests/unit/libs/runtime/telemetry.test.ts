import { createServer } from 'node:http'
import { expect } from 'chai'
import { closeServer, listen, ProcessMetrics, Readiness, serveHealth, startTelemetry } from '@yap/runtime'

describe('health and metrics', () => {
  // Goal: probes and Prometheus get what they expect on the service's own port. Method: a real http server.

  it('answers /healthz, /readyz with what is missing, and /metrics', async () => {
    const telemetry = await startTelemetry('edge', 'edge-1', {})
    const readiness = new Readiness()
    let connected = false
    readiness.add('nats', () => (connected ? undefined : 'not connected'))
    telemetry.meter.createCounter('yap_test_total', { description: 'Counts this test.' }).add(2)
    const processMetrics = new ProcessMetrics(telemetry.meter)
    const server = createServer((request, response) => {
      if (!serveHealth(request, response, readiness, telemetry)) response.writeHead(404).end()
    })
    const port = await listen(server, '127.0.0.1', 0)
    const get = async (path: string): Promise<{ status: number; body: string }> => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      return { status: response.status, body: await response.text() }
    }
    try {
      expect(await get('/healthz')).to.deep.equal({ status: 200, body: 'ok\n' })
      expect(await get('/readyz')).to.deep.equal({ status: 503, body: 'not ready\nnats: not connected\n' })
      connected = true
      expect((await get('/readyz?x=1')).status).to.equal(200)
      const metrics = await get('/metrics')
      expect(metrics.status).to.equal(200)
      expect(metrics.body)
        .to.match(/^yap_test_total 2/m)
        .and.to.include('yap_process_resident_bytes')
        .and.to.include('yap_event_loop_lag_ms')
      expect((await get('/other')).status).to.equal(404)
    } finally {
      processMetrics.stop()
      await closeServer(server)
      await telemetry.stop()
    }
  })

  it('names a port that is taken', async () => {
    const first = createServer()
    const port = await listen(first, '127.0.0.1', 0)
    const second = createServer()
    const error = await listen(second, '127.0.0.1', port).then(
      () => undefined,
      (e: Error) => e,
    )
    expect(error?.message).to.equal(`port ${port} on 127.0.0.1 is in use by another program`)
    await closeServer(first)
  })
})
