import { expect } from 'chai'
import { configDocs, ConfigError, loadConfig, SETTINGS } from '@yap/runtime'

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('settings', () => {
  // Goal: an operator hears of every mistake at once and of none by a misbehaving service.
  // Method: environments with one mistake of each kind, and with all of them together.

  it('has the defaults that the design promises', () => {
    expect(loadConfig({})).to.include({
      ASR_HOST: '127.0.0.1',
      ASR_PORT: 8080,
      ASR_ATT_CTX: '70,1',
      ASR_DECODER: 'rnnt',
      ASR_STEP_MS: 20,
      ASR_MAX_BATCH: 128,
      ASR_TAIL_MS: 80,
      ASR_IDLE_FLUSH_MS: 400,
      YAP_REPLAY_WINDOW_MS: 2000,
      YAP_SNAPSHOT_AFTER_MS: 60_000,
      YAP_RING_MS_MAX: 160_000,
      YAP_RESUME_GRACE_MS: 60_000,
      YAP_SESSION_MS_MAX: 14_400_000,
      YAP_INIT_MS_MAX: 5000,
      YAP_IDLE_MS_MAX: 60_000,
    })
  })

  it('lists every problem at once, each with its value and its limit', () => {
    const problems = problemsOf({
      ASR_PORT: '70000',
      ASR_STEP_MS: 'soon',
      ASR_DECODER: 'lstm',
      YAP_LOG_PRETTY: 'maybe',
      ASR_PROT: '1',
    })
    expect(problems).to.have.length(5)
    expect(problems.join('\n'))
      .to.match(/ASR_PORT="70000": must be a whole number from 0 to 65535/)
      .and.to.match(/ASR_DECODER="lstm": must be one of rnnt, ctc/)
  })

  it('refuses unknown ASR_* and YAP_* names and suggests the near one', () => {
    expect(problemsOf({ ASR_PROT: '8080' })[0]).to.equal('ASR_PROT is not a setting; did you mean ASR_PORT?')
    expect(problemsOf({ YAP_REPLAY_WINDOW: '1' })[0]).to.match(/did you mean YAP_REPLAY_WINDOW_MS/)
    expect(problemsOf({ YAP_XQZ_QUUX_ZOT: '1' })[0]).to.match(/--config-docs/)
    expect(problemsOf({ PATH: '/bin', ASRAEL: '1' })).to.deep.equal([])
  })

  it('judges settings that must agree with each other', () => {
    expect(problemsOf({ YAP_RING_MS_MAX: '20000' }).join()).to.match(
      /YAP_SNAPSHOT_AFTER_MS 60000 must be below YAP_RING_MS_MAX 20000/,
    )
    expect(problemsOf({ ASR_STEP_MS: '300' }).join()).to.match(/two ticks/)
  })

  it('takes an empty value for one that is not set', () => {
    expect(loadConfig({ ASR_PORT: '' }).ASR_PORT).to.equal(8080)
  })

  it('never prints a secret', () => {
    const secret = 'short-secret'
    expect(problemsOf({ YAP_RESUME_SECRET: secret, ASR_PORT: '8080' }).join())
      .to.match(/12 characters/)
      .and.not.include(secret)
  })

  it('documents every setting in one table', () => {
    const docs = configDocs()
    for (const [name, declaration] of Object.entries(SETTINGS)) {
      expect(docs).to.include(`| \`${name}\` |`)
      expect(declaration.doc, name).to.match(/\.$/)
      if (declaration.default)
        expect(declaration.schema.safeParse(declaration.default).success, `default of ${name}`).to.equal(true)
    }
  })
})
