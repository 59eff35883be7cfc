import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { Cluster } from '../support/cluster.js'
import { eventually } from '../support/eventually.js'
import { repositoryDir } from '../support/shared-dir.js'

// Goal: what a newcomer types first works: one command, a client, the right words; and the logs keep them to themselves.
// Method: the real supervisor with the real services and the demo model; the client of the repository speaks its samples.
describe('the whole service from one command', function () {
  this.timeout(180_000)
  let cluster: Cluster

  before(async () => {
    cluster = await Cluster.start({ workers: 1, readyMsMax: 120_000 })
  })
  after(async () => {
    await cluster.stop()
  })

  it('writes what was said, to the word, for several who speak at once', async () => {
    const wanted = await transcripts()
    const names = ['pi', 'pin', 'countdown']
    const heard = await Promise.all(names.map((name) => say(cluster, name, '2').then(({ stdout }) => textOf(stdout))))
    expect(heard).to.deep.equal(names.map((name) => wanted.get(name)))
  })

  it('logs nothing of what was said', async () => {
    await say(cluster, 'pin', '4')
    expect(cluster.output).to.include('asr-worker ready')
    expect(cluster.output).to.not.match(/seven two|nine eight seven|three one four one/)
  })

  it('goes on after its worker was killed', async () => {
    const before = await cluster.kill('asr-worker-1')
    await eventually(
      'another worker is ready',
      async () => {
        const worker = (await cluster.run())?.processes.find(({ name }) => name === 'asr-worker-1')
        return worker?.state === 'ready' && worker.pid !== before.pid
      },
      { withinMs: 60_000 },
    )
    const wanted = await transcripts()
    const text = await eventually('a client is served', async () => textOf((await say(cluster, 'pin', '4')).stdout), {
      withinMs: 30_000,
    })
    expect(text).to.equal(wanted.get('pin'))
  })

  it('lets go of a speaker and of everything else at Ctrl-C, within its deadline', async () => {
    const speaking = say(cluster, 'mid', '1')
    await eventually(
      'somebody speaks',
      async () => {
        const { port } = new URL(await cluster.address())
        const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
        return /^yap_sessions(\{[^}]*\})? 1/m.test(metrics)
      },
      { withinMs: 20_000 },
    )
    cluster.signal('SIGINT')
    expect(await cluster.ended(30_000)).to.equal(0)
    expect(cluster.survivors()).to.deep.equal([])
    expect((await speaking).stderr).to.include('draining')
  })
})

/** Transcripts of samples/ by name. */
async function transcripts(): Promise<Map<string, string>> {
  const rows = (await readFile(join(repositoryDir, 'samples/transcripts.tsv'), 'utf8')).trim().split('\n').slice(1)
  return new Map(rows.map((row) => row.split('\t')).map(([file = '', text = '']) => [file.replace(/\.wav$/, ''), text]))
}

async function say(cluster: Cluster, sample: string, rtf: string): Promise<{ stdout: string; stderr: string }> {
  const { host } = new URL(await cluster.address())
  const args = [
    'client',
    '--server',
    host,
    '--file',
    join(repositoryDir, 'samples', `${sample}.wav`),
    '--rtf',
    rtf,
    '--full-text',
  ]
  return await new Promise((resolve) => {
    execFile(process.execPath, [join(repositoryDir, 'bin/yap.mjs'), ...args], (_, stdout, stderr) =>
      resolve({ stdout, stderr }),
    )
  })
}

/** What the client prints after "Text:". */
function textOf(stdout: string): string | undefined {
  return /^Text: +(.+)$/m.exec(stdout)?.[1]
}
