/**
 * Everything that can go wrong, in words: what happened, and what to do about it.
 *
 * The service's codes are those of its error table (docs/PROTOCOL.md); the others are this page's own.
 */

/** @type {Record<string, [title: string, detail: string]>} */
const WORDS = {
  bad_init: ['The service did not understand this page', 'Reload it: it may be older than the service.'],
  unauthorized: ['The service wants a key', 'This page has none to give. Connect with a client that has one.'],
  forbidden: ['This is not allowed here', 'The service refused it for this page or this key.'],
  resume_lost: ['The session could not be taken up again', 'Start anew.'],
  init_timeout: ['The connection was too slow', 'The service waited for the first message in vain. Start again.'],
  idle_timeout: ['The session ended because nothing was said for long', 'Start again when you want to speak.'],
  session_too_long: ['The session reached its longest time', 'Start again to go on.'],
  unsupported: ['The loaded model does not offer these settings', 'Choose others and start again.'],
  bad_audio: ['The audio was cut off', 'It ended in the middle of a sample. The words up to there are shown.'],
  slow_client: ['This page could not keep up with the results', 'Close other busy tabs and start again.'],
  too_large: ['A message was too large for the service', 'Reload the page and start again.'],
  internal: ['The service failed', 'Words that are shown in black stay. Start again.'],
  draining: ['This server is being replaced', 'Start again to reach another one.'],
  capacity: ['Every place is taken', 'One more speaker would slow the others down.'],

  lost: ['The connection was lost', 'Words in black stay; the last ones in grey may be incomplete. Start again.'],
  silent: ['The service stopped answering', 'Words in black stay. Check that it still runs, and start again.'],
  unreachable: ['The service cannot be reached', 'Check that it runs, and that this computer is connected.'],
  not_ready: ['The service is not ready yet', 'It is up, but no worker with a model has reported. Try again soon.'],
  refused: ['The service refused the connection', 'It may be full. Try again in a few seconds.'],

  microphone_denied: [
    'The microphone is blocked',
    'Allow it for this page in the browser (usually left of the address), then start again.',
  ],
  microphone_insecure: [
    'The browser gives no microphone to this address',
    'It does so only on https and on localhost. Open the page there, or choose a file.',
  ],
  microphone_missing: ['There is no microphone', 'Connect one and start again, or choose a file.'],
  microphone_busy: ['The microphone is in use', 'Another program holds it. Close that and start again.'],
  microphone_failed: ['The microphone could not be started', 'Try another one, or choose a file.'],
  microphone_lost: ['The microphone went away', 'Words up to there are shown. Connect it and start again.'],

  file_too_large: [
    'The file is too large',
    'This page takes up to 200 MB. Cut it, or use the command line: npx yap transcribe.',
  ],
  file_unreadable: ['The file has no audio that this browser can read', 'WAV, FLAC, MP3 and Ogg usually work.'],
  file_empty: ['The file holds no audio', 'It is zero seconds long.'],
}

/**
 * @typedef {object} Notice
 * @property {string} code
 * @property {string} title
 * @property {string} detail
 */

/** @param {string} code @param {string} [more] a sentence to add @returns {Notice} */
export function notice(code, more) {
  const [title, detail] = WORDS[code] ?? [`The service reports “${code}”`, '']
  return { code, title, detail: [detail, more].filter(Boolean).join(' ') }
}

/**
 * What to say about the end of a session; undefined when it ended as the user wished.
 * @param {import('./session.js').SessionEnd} end
 * @returns {Promise<Notice | undefined>}
 */
export async function noticeOfEnd(end) {
  if (end.error !== undefined) {
    const waitMs = end.error.retry_after_ms
    if (waitMs !== undefined) return notice(end.error.code, `Try again in ${inSeconds(waitMs)}.`)
    // Only this message lists what the service does offer.
    return notice(end.error.code, end.error.code === 'unsupported' ? end.error.message : undefined)
  }
  if (end.silent) return notice('silent')
  if (end.asked && end.closeCode === 1000) return undefined
  if (!end.connected) return notice(await whyNot())
  return notice(BY_CLOSE_CODE[end.closeCode] ?? 'lost')
}

/** Close codes that may come without an error message before them. */
const BY_CLOSE_CODE = { 1009: 'too_large', 1011: 'internal', 1012: 'draining', 1013: 'capacity' }

/** A browser tells nothing about a refused handshake, so the service is asked by another way. */
async function whyNot() {
  try {
    const answer = await fetch('readyz', { cache: 'no-store' })
    return answer.ok ? 'refused' : 'not_ready'
  } catch {
    return 'unreachable'
  }
}

function inSeconds(ms) {
  const seconds = Math.max(1, Math.ceil(ms / 1000))
  return seconds === 1 ? '1 second' : `${seconds} seconds`
}
