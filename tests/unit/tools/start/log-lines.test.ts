import { expect } from 'chai'
import { LogOutput, parseNatsLine, parseServiceLine } from '@yap/tools'

const output = (options: Partial<ConstructorParameters<typeof LogOutput>[0]> = {}) => {
  const written: string[] = []
  const log = new LogOutput({
    write: (text) => written.push(text),
    json: false,
    colour: false,
    level: 'info',
    ...options,
  })
  return { log, written }
}

// Goal: whatever a process writes, a person reads one line that says when, who and what, and a program reads JSON.
// Method: lines as services, nats-server and crashes write them, through the output with and without colour.
describe('log lines of the supervisor', () => {
  it('shows the message and the fields of a service, without what every line has', () => {
    const { log, written } = output()
    log.expect(['asr-worker-1'])
    log.entry(
      parseServiceLine(
        'edge',
        '{"level":30,"time":"2026-01-31T10:00:00.123Z","service":"edge","name":"edge","pid":7,"msg":"edge ready","ports":{"http":8080},"version":"0.1.0"}',
      ),
    )
    expect(written[0]).to.match(/^\d\d:\d\d:00\.123 edge {10}edge ready ports=\{"http":8080\} version=0\.1\.0\n$/)
  })

  it('shows the error of a line with its stack below', () => {
    const line = JSON.stringify({
      level: 50,
      msg: 'a step failed',
      err: { message: 'no memory', stack: 'Error: no memory\n    at step' },
    })
    const { log, written } = output()
    log.entry(parseServiceLine('asr-worker-1', line))
    expect(written[0]).to.match(/error: a step failed: no memory\n {4}at step\n$/)
  })

  it('takes lines that are no JSON as they are, as errors when they come from stderr', () => {
    expect(parseServiceLine('edge', 'Error: boom', { stderr: true })).to.include({
      level: 'error',
      message: 'Error: boom',
    })
    expect(parseServiceLine('edge', '{broken').message).to.equal('{broken')
  })

  it('shows warnings of nats-server and keeps its small talk out', () => {
    const { log, written } = output()
    log.entry(parseNatsLine('nats-server', '[12] 2026/01/31 10:00:00.000001 [INF] Server is ready'))
    log.entry(parseNatsLine('nats-server', '[12] 2026/01/31 10:00:00.000001 [WRN] Slow consumer'))
    expect(written).to.have.length(1)
    expect(written[0]).to.include('warn: Slow consumer')
  })

  it('lets no control character through to the terminal', () => {
    const { log, written } = output()
    log.entry(parseServiceLine('edge', 'a\u001b[2Jb'))
    expect(written[0]).to.include('a\ufffd[2Jb')
  })

  it('colours names and warnings only when asked to', () => {
    const { log, written } = output({ colour: true })
    log.entry({ process: 'edge', level: 'warn', timeMs: 0, message: 'slow' })
    expect(written[0]).to.include('\u001b[33mwarn: slow\u001b[0m')
  })

  it('writes JSON that names the process', () => {
    const { log, written } = output({ json: true })
    log.entry({ process: 'edge', level: 'info', timeMs: 0, message: 'ready', fields: { port: 1 } })
    expect(JSON.parse(written[0] ?? '')).to.deep.equal({
      process: 'edge',
      level: 'info',
      time: '1970-01-01T00:00:00.000Z',
      msg: 'ready',
      port: 1,
    })
  })
})
