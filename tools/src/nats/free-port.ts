/** Ports on this machine: one that is free, and whether a given one is. */
import { createServer } from 'node:net'

/** A port that nobody listens on. The system hands out the next free one in turn, so it is not soon given to another. */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return listenOnce(0, host)
}

/** The error code that listening meets ("EADDRINUSE", "EACCES", …); undefined when the port can be had. */
export async function whyPortIsTaken(port: number, host: string): Promise<string | undefined> {
  try {
    await listenOnce(port, host)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function listenOnce(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
