/**
 * The web page as a person uses it: a real Chromium, the real service, a microphone that plays a sample.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { complaintsOf, startBrowser } from '../support/browser.js'
import { Cluster } from '../support/cluster.js'
import { eventually } from '../support/eventually.js'
import { repositoryDir } from '../support/shared-dir.js'
import { wordErrors } from '../support/word-errors.js'

const SAMPLE = join(repositoryDir, 'samples/pi.wav')
const SAMPLE_TEXT = 'three one four one five nine'

/** Speech of a few seconds, and a browser that shares two cores with the service. */
const HEARD_MS_MAX = 20_000

describe('the web page in a real browser', () => {
  // Goal: someone without any tool but a browser sees their words while they speak, and is told in words what went wrong.
  // Method: one cluster with the demo model; a fresh browser context each time. Whatever the page logs as an error, and
  // whatever its content security policy had to stop, fails the test.
  let cluster: Cluster
  let browser: Browser
  let page: Page
  let complaints: string[]

  before(async function () {
    browser = await startBrowser(this, { microphone: SAMPLE })
    cluster = await Cluster.start({ workers: 1 })
  })
  after(async () => {
    await browser?.close()
    await cluster?.stop()
  })

  beforeEach(async () => {
    page = await browser.newPage()
    complaints = await complaintsOf(page)
  })
  afterEach(async () => {
    await page?.close()
  })

  it('shows words from the microphone while they are spoken, and the final after Stop', async () => {
    await open()
    expect(await page.locator('#model-name').innerText()).to.equal('demo-digits-en')
    await speakAndStop()
    expect(await latency()).to.match(/^\d+$/)
    expect(complaints).to.deep.equal([])
  })

  it('hears the same where the browser will not give 16 kHz, with another look-ahead and decoder', async () => {
    await page.addInitScript(`
      const Real = AudioContext
      AudioContext = class extends Real {
        constructor(options) {
          if (options?.sampleRate !== undefined) throw new DOMException('not here', 'NotSupportedError')
          super(options)
        }
      }`)
    await open()
    await page.getByLabel('Look-ahead').selectOption('70,6')
    await page.getByLabel('Decoder').selectOption('ctc')
    await speakAndStop()
    expect(complaints).to.deep.equal([])
  })

  it('puts a line in black after a pause, and goes on listening', async () => {
    await open()
    await page.getByLabel('New line after').selectOption('0.8 s pause')
    await page.getByRole('button', { name: 'Start microphone' }).click()
    expectSample(await finalText())
    await page.getByText('Listening').waitFor()
    await page.getByRole('button', { name: 'End turn' }).click()
    await page.getByRole('button', { name: 'Stop' }).click()
    await idle()
    expect(await page.locator('#finals li').count(), 'silence leaves no line').to.equal(1)
    expect(complaints).to.deep.equal([])
  })

  it('transcribes a file that was chosen', async () => {
    await open()
    await page.getByLabel('Play files').selectOption('at full speed')
    await page.getByLabel('Choose a file').setInputFiles(SAMPLE)
    expectSample(await finalText())
    expect(await page.locator('#unmeasured').isVisible()).to.equal(true)
    expect(complaints).to.deep.equal([])
  })

  it('transcribes a file that was dropped, and can be used again right after', async () => {
    await open()
    await page.getByLabel('Play files').selectOption('4 times faster')
    const bytes = (await readFile(SAMPLE)).toString('base64')
    const dataTransfer = await page.evaluateHandle(`
      const transfer = new DataTransfer()
      const bytes = Uint8Array.from(atob('${bytes}'), (letter) => letter.charCodeAt(0))
      transfer.items.add(new File([bytes], 'pi.wav', { type: 'audio/wav' }))
      transfer`)
    await page.dispatchEvent('body', 'drop', { dataTransfer })
    expectSample(await finalText())
    await idle()
    await page.getByRole('button', { name: 'Clear' }).click()
    expect(await page.locator('#finals li').count()).to.equal(0)
    expect(complaints).to.deep.equal([])
  })

  it('says what is wrong with a file that holds no audio', async () => {
    await open()
    await page
      .getByLabel('Choose a file')
      .setInputFiles({ name: 'a.wav', mimeType: 'audio/wav', buffer: Buffer.from('no') })
    expect(await notice()).to.include('no audio that this browser can read')
    await idle()
  })

  it('says what to do when the microphone is denied', async () => {
    await page.addInitScript(
      `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))`,
    )
    await open()
    await page.getByRole('button', { name: 'Start microphone' }).click()
    expect(await notice()).to.include('Allow it for this page')
    await idle()
  })

  it('can be used with the keyboard alone', async () => {
    await open()
    await page.getByRole('button', { name: 'Start microphone' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Stop' }).waitFor()
    await page.getByText('Listening').waitFor()
    await page.keyboard.press('Enter')
    await idle()
    expect(complaints).to.deep.equal([])
  })

  it('says that every place is taken, and when to try again, while no worker is there', async () => {
    await open()
    await cluster.kill('asr-worker-1', 'SIGSTOP')
    try {
      await eventually('the page is refused', async () => {
        await page.getByRole('button', { name: 'Start microphone' }).click()
        return (await notice()).includes('Every place is taken')
      })
      expect(await notice()).to.match(/Try again in \d+ seconds?\./)
    } finally {
      await cluster.kill('asr-worker-1', 'SIGCONT')
    }
  })

  /** Opens the page and waits until the service has told it about the model. A turn ends only when somebody ends it. */
  async function open(): Promise<void> {
    await page.goto(await cluster.address())
    await idle()
    await page.getByLabel('New line after').selectOption('End turn only')
  }

  async function idle(): Promise<void> {
    await page.locator('#status', { hasText: 'Ready' }).waitFor({ timeout: HEARD_MS_MAX })
  }

  /** Says the sample into the microphone, and checks that it is there as it is spoken and in the end. */
  async function speakAndStop(): Promise<void> {
    await page.getByRole('button', { name: 'Start microphone' }).click()
    const interim = page.locator('#interim')
    const seen = new Set<string>()
    await eventually(
      'the sample is heard to its last word',
      async () => {
        const text = (await interim.textContent()) ?? ''
        seen.add(text)
        if (!text.endsWith('nine')) throw new Error(`heard so far: ${[...seen].join(' / ')}`)
        return true
      },
      { withinMs: HEARD_MS_MAX },
    )
    expect(seen.size, 'words came one after the other').to.be.at.least(3)
    await page.getByRole('button', { name: 'Stop' }).click()
    expectSample(await finalText())
    await idle()
    expect(await interim.isVisible()).to.equal(false)
    expect(await page.locator('#notice').isVisible()).to.equal(false)
  }

  async function finalText(): Promise<string> {
    const line = page.locator('#finals li:not(.unfinished) span')
    await line.waitFor({ timeout: HEARD_MS_MAX })
    return await line.innerText()
  }

  async function notice(): Promise<string> {
    const box = page.getByRole('alert')
    await box.waitFor({ timeout: HEARD_MS_MAX })
    return await box.innerText()
  }

  async function latency(): Promise<string> {
    return await page.locator('#end-to-end-median').innerText()
  }
})

/** The voice is synthesised, and the browser works on its level: one word may be misheard. */
function expectSample(text: string): void {
  expect(wordErrors(SAMPLE_TEXT, text).errors, text).to.be.at.most(1)
}
