/**
 * Stands for a service under the supervisor: says that it is ready, serves /readyz and /status, ends with its parent and at
 * SIGTERM. FAKE_FAULTS makes it misbehave: a JSON object from a process's name to one of the faults below.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ParentWatch } from '@yap/runtime'

export type FakeFault = 'dies-at-start' | 'ignores-sigterm' | 'stays-without-parent'

const name = process.env.YAP_NAME ?? ''
const faults = JSON.parse(process.env.FAKE_FAULTS ?? '{}') as Record<string, FakeFault>
const fault = faults[name]
const log = (msg: string, fields: object = {}) =>
  process.stdout.write(
    `${JSON.stringify({ level: 30, time: new Date().toISOString(), service: 'fake', name, ...fields, msg })}\n`,
  )

if (fault === 'dies-at-start') {
  process.stderr.write('the fake service dies, as it was told\n')
  process.exit(1)
}

const server = createServer((request, response) => {
  const status = { name, sessions: 2, slots: 8, stepMsP50: 3.5, stepMsP95: 4.5 }
  response.end(request.url === '/status' ? JSON.stringify(status) : 'ready\n')
})
// The edge is told its port and the router keeps its own; the others take any.
const wanted = Number(name === 'edge' ? process.env.ASR_PORT : name === 'router' ? process.env.YAP_ROUTER_HTTP_PORT : 0)
server.listen({ host: '127.0.0.1', port: wanted }, () => {
  const { port } = server.address() as AddressInfo
  const ports = name === 'router' ? { http: port, grpc: Number(process.env.YAP_ROUTER_PORT) || port } : { http: port }
  log('fake ready', { ports, nats: process.env.YAP_NATS_URL, router: process.env.YAP_ROUTER })
  process.send?.({ type: 'ready', ports })
})

const watch =
  fault === 'stays-without-parent'
    ? undefined
    : new ParentWatch(Number(process.env.YAP_PARENT_PID), () => process.exit(1))
process.on('SIGTERM', () => {
  log('fake stopping')
  watch?.stop()
  if (fault !== 'ignores-sigterm') process.exit(0)
})
