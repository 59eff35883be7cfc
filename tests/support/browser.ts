/** A headless Chromium for one test file, quiet on the network, with a microphone that plays a file. */
import type { Context } from 'mocha'
import { chromium, type Browser, type Page } from 'playwright-core'
import { requireChromium } from './chromium.js'

/** Installing Debian's package takes minutes where it is not there yet. */
const INSTALL_MS_MAX = 600_000

/** No calls home: such connections fail slowly where the network is closed. */
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Starts a browser; the caller closes it. The running test is skipped, loudly, where there is no Chromium.
 * `microphone` is the WAV that its microphone plays once, then silence; nobody is asked for permission.
 */
export async function startBrowser(test: Context, { microphone }: { microphone: string }): Promise<Browser> {
  test.timeout(INSTALL_MS_MAX)
  const executablePath = requireChromium(test)
  const args = [
    ...QUIET,
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-audio-capture=${microphone}%noloop`,
  ]
  // Chromium's sandbox refuses to run for root, which is who runs tests in a container.
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  return await chromium.launch({ executablePath, headless: true, args })
}

/** Collects what a page complains of: errors and warnings of its console, exceptions, and what its policy had to stop. */
export async function complaintsOf(page: Page): Promise<string[]> {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective))`,
  )
  return complaints
}
