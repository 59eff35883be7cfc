/** Whether a NATS server answers on a port: it greets every connection with an INFO line before anybody says a word. */
import { connect } from 'node:net'

/** True once the greeting came; false when refused, or silent for timeoutMs. Never throws. */
export function natsAnswers(port: number, { host = '127.0.0.1', timeoutMs = 1000 } = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(timeoutMs, () => end(false))
    socket.once('error', () => end(false))
    socket.once('data', (data) => end(data.toString('latin1').startsWith('INFO ')))
    socket.once('close', () => end(false))
  })
}
