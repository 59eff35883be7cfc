/**
 * The page: buttons and fields on one side, a microphone or a file and a session with the service on the other.
 *
 *   IDLE --Start, file--> STARTING --ready--> LIVE --Stop, end of the file--> FINISHING --closed--> IDLE
 *   STARTING --Stop--> FINISHING        any --session ended, source failed--> IDLE
 *
 * One talk at a time; what belongs to it lives in `talk`, which is undefined exactly in IDLE.
 */
import { decodeFile, FileError, FilePlayer } from './audio-file.js'
import { notice, noticeOfEnd } from './errors.js'
import { LatencyChart } from './latency-chart.js'
import { Readings, SentLog } from './latency.js'
import { Microphone, MicrophoneError } from './microphone.js'
import { OUTPUT_HZ } from './resampler.js'
import { fetchInfo, showInfo } from './service-info.js'
import { Session } from './session.js'
import { TranscriptView } from './transcript-view.js'

/** Loudness that fills the bar and that empties it, in dB below full scale. */
const LEVEL_DB = { full: -12, empty: -60 }

const element = (id) => document.getElementById(id)
const chart = new LatencyChart(element('chart'))
const measures = { 'end-to-end': new Readings(), lag: new Readings() }
const address = `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/v1/stream`
const view = new TranscriptView({
  box: element('transcript'),
  finals: element('finals'),
  interim: element('interim'),
  empty: element('empty'),
  onChange: () => {
    element('copy').disabled = element('clear').disabled = view.text === ''
  },
})

let info
let talk
let state = 'idle'

function setState(next) {
  state = next
  const idle = state === 'idle'
  const status = element('status')
  status.dataset.state = idle ? 'ready' : state === 'finishing' ? 'ready' : 'live'
  status.textContent = statusWords()
  element('start').disabled = state === 'finishing'
  element('start').dataset.running = String(!idle)
  element('start-label').textContent = idle ? 'Start microphone' : 'Stop'
  element('finalize').disabled = state !== 'live'
  for (const id of ['file', 'look-ahead', 'decoder', 'endpoint', 'speed']) element(id).disabled = !idle
}

function statusWords() {
  const fromFile = talk?.file !== undefined
  switch (state) {
    case 'idle':
      return 'Ready'
    case 'starting':
      if (talk.session !== undefined) return 'Connecting'
      return fromFile ? 'Reading the file' : 'Asking for the microphone'
    case 'live':
      return fromFile ? 'Playing the file' : 'Listening'
    default:
      return 'Finishing'
  }
}

/** @param {import('./errors.js').Notice | undefined} words undefined takes the last one away */
function show(words) {
  element('notice').hidden = words === undefined
  element('notice').dataset.code = words?.code ?? ''
  element('notice-title').textContent = words?.title ?? ''
  element('notice-detail').textContent = words?.detail ?? ''
}

/** Opens the source, then the session: nobody takes a place at the service while a permission is being asked for. */
async function start(file) {
  if (state !== 'idle' || info === undefined) return
  const mine = { file, sentLog: new SentLog(), measured: file === undefined || element('speed').value === '1' }
  talk = mine
  show(undefined)
  clearFigures()
  element('unmeasured').hidden = mine.measured
  setState('starting')
  try {
    await (file === undefined ? openMicrophone(mine) : openFile(mine))
  } catch (error) {
    if (!(error instanceof MicrophoneError || error instanceof FileError)) throw error
    if (talk === mine) end(notice(error.code))
  }
}

async function openMicrophone(mine) {
  mine.source = await Microphone.open(
    (frame) => hear(mine, frame),
    () => {
      show(notice('microphone_lost'))
      void stop()
    },
  )
  // Stop was pressed while the browser asked for permission.
  if (talk !== mine) return mine.source.stop()
  join(mine)
}

async function openFile(mine) {
  const pcm = await decodeFile(mine.file)
  if (talk !== mine) return
  const player = new FilePlayer(pcm, Number(element('speed').value))
  mine.source = player
  join(mine)
  player.start(
    (frame) => hear(mine, frame),
    () => mine.session.unsentBytes,
    () => void stop(),
  )
}

function join(mine) {
  const endpointMs = Number(element('endpoint').value)
  const init = {
    sid: 'web',
    sr: OUTPUT_HZ,
    att_ctx: element('look-ahead').value,
    decoder: element('decoder').value,
    ...(endpointMs > 0 && { endpoint_ms: endpointMs }),
  }
  mine.session = new Session(address, init, {
    ready: () => state === 'starting' && setState('live'),
    sent: (frame) => mine.sentLog.add(frame.length, performance.now()),
    interim: (message) => {
      view.interim(message.text)
      measure(mine, message)
    },
    final: (message) => view.final(message.text, message.start_ms),
    closed: async (how) => {
      const words = await noticeOfEnd(how)
      if (talk === mine) end(words)
    },
  })
  setState('starting')
}

/** One frame from the source: to the service, and to the level bar. */
function hear(mine, frame) {
  if (talk !== mine) return
  mine.session?.send(frame)
  const meanSquare = frame.reduce((sum, sample) => sum + (sample / 32768) ** 2, 0) / frame.length
  const db = 10 * Math.log10(meanSquare + 1e-10)
  const share = (db - LEVEL_DB.empty) / (LEVEL_DB.full - LEVEL_DB.empty)
  showLevel(Math.max(0, Math.min(1, share)))
}

function showLevel(share) {
  element('level').style.transform = `scaleX(${share.toFixed(3)})`
}

/** Ends the turn and the session; the last final is still shown. */
async function stop() {
  if (state !== 'starting' && state !== 'live') return
  const mine = talk
  if (mine.session === undefined) return end(undefined)
  setState('finishing')
  await mine.source.stop()
  mine.session.close()
}

/** Back to IDLE, whatever the reason. */
function end(words) {
  const { source } = talk
  talk = undefined
  if (state !== 'finishing') void source?.stop()
  if (words !== undefined) show(words)
  view.breakOff()
  showLevel(0)
  setState('idle')
}

function measure(mine, { offset_ms: offsetMs, lag_ms: lagMs }) {
  if (!mine.measured) return
  const nowMs = performance.now()
  const sentMs = offsetMs === undefined ? undefined : mine.sentLog.cover((offsetMs * OUTPUT_HZ) / 1000)
  const endToEndMs = sentMs === undefined ? undefined : nowMs - sentMs
  if (endToEndMs !== undefined) measures['end-to-end'].add(endToEndMs)
  if (lagMs !== undefined) measures.lag.add(lagMs)
  if (endToEndMs !== undefined || lagMs !== undefined) chart.add({ atMs: nowMs, endToEndMs, lagMs })
  showFigures()
}

function showFigures() {
  for (const [name, readings] of Object.entries(measures)) {
    for (const figure of ['now', 'median', 'p95']) {
      const ms = readings.summary?.[figure]
      element(`${name}-${figure}`).textContent = ms === undefined ? '–' : Math.round(ms).toString()
    }
  }
}

function clearFigures() {
  for (const readings of Object.values(measures)) readings.clear()
  chart.clear()
  showFigures()
}

/** Whether a drag brings files; a dragged word or link does not concern us. */
function isFile(event) {
  return event.dataTransfer?.types.includes('Files')
}

function listenToPage() {
  element('start').addEventListener('click', () => void (state === 'idle' ? start(undefined) : stop()))
  element('finalize').addEventListener('click', () => talk?.session?.finalize())
  element('clear').addEventListener('click', () => view.clear())
  element('copy').addEventListener('click', async () => {
    await navigator.clipboard.writeText(view.text)
    element('copy').textContent = 'Copied'
    setTimeout(() => (element('copy').textContent = 'Copy'), 1500)
  })
  element('file').addEventListener('change', ({ target }) => {
    const [file] = target.files
    if (file !== undefined) void start(file)
    // So that the same file can be chosen again.
    target.value = ''
  })

  // dragenter and dragleave also come for every element inside; the balance tells when the pointer left the page.
  let inside = 0
  const shade = (depth) => {
    inside = Math.max(0, depth)
    element('drop').hidden = inside === 0 || state !== 'idle'
  }
  addEventListener('dragenter', (event) => isFile(event) && shade(inside + 1))
  addEventListener('dragleave', (event) => isFile(event) && shade(inside - 1))
  addEventListener('dragover', (event) => isFile(event) && event.preventDefault())
  addEventListener('drop', (event) => {
    if (!isFile(event)) return
    event.preventDefault()
    shade(0)
    const [file] = event.dataTransfer.files
    if (file !== undefined) void start(file)
  })
}

element('address').textContent = address
listenToPage()
info = await fetchInfo((words) => {
  element('status').textContent = words
  element('model-name').textContent = words
})
showInfo(info, element)
setState('idle')
