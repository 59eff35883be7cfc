import { expect } from 'chai'
import { natsAnswers } from '@yap/tools'
import { NatsServer } from '../support/nats-server.js'

// Goal: tests of lost connections rest on a server that really dies, comes back on its port, and leaves nothing behind.
// Method: one real nats-server; its greeting is the sign of life.
describe('the nats-server of the tests', () => {
  it('comes back on its port after it was killed, and is gone after stop', async () => {
    const server = await NatsServer.start()
    try {
      expect(await natsAnswers(server.port)).to.equal(true)
      await server.kill('SIGKILL')
      expect(await natsAnswers(server.port)).to.equal(false)
      await server.restart()
      expect(await natsAnswers(server.port)).to.equal(true)
    } finally {
      await server.stop()
    }
    expect(await natsAnswers(server.port)).to.equal(false)
  })

  it('can be frozen: connections are taken by the system, but nobody greets', async () => {
    const server = await NatsServer.start()
    try {
      await server.kill('SIGSTOP')
      expect(await natsAnswers(server.port, { timeoutMs: 100 })).to.equal(false)
      await server.kill('SIGCONT')
      expect(await natsAnswers(server.port)).to.equal(true)
    } finally {
      await server.stop()
    }
  })
})
