/**
 * One session with the service over a WebSocket: `init`, audio, `finalize`, `close`; `ready`, `interim`, `final`, `error`.
 *
 *   CONNECTING --open, init sent--> JOINING --ready--> OPEN --close()--> CLOSING --socket closed--> CLOSED
 *   any state  --socket closed--> CLOSED
 *
 * Audio that comes before `ready` is kept and sent then, so the first word is not lost while a place is found.
 */

const State = { CONNECTING: 'connecting', JOINING: 'joining', OPEN: 'open', CLOSING: 'closing', CLOSED: 'closed' }

/** Longest time without a word from the service while it should be answering `init` or `close`. */
const ANSWER_MS_MAX = 10_000

/** Audio kept before `ready`; more would mean that nobody is going to answer. */
const KEPT_FRAMES_MAX = 1500

/**
 * How a session ended.
 * @typedef {object} SessionEnd
 * @property {number} closeCode of the WebSocket; 1006: without a word
 * @property {{code: string, message: string, retry_after_ms?: number}} [error] the service's own words
 * @property {boolean} connected the socket had opened
 * @property {boolean} ready a place had been found
 * @property {boolean} asked we had sent `close`
 * @property {boolean} silent we gave up waiting for an answer
 */

export class Session {
  #socket
  #state = State.CONNECTING
  #events
  /** Frames kept before `ready`; empty from then on. */
  #kept = []
  #error
  #connected = false
  #ready = false
  #asked = false
  #silent = false
  #answerTimer

  /**
   * @param {string} url
   * @param {object} init options of `init` beyond `op`
   * @param {{ready: Function, interim: Function, final: Function, sent: Function, closed: (end: SessionEnd) => void}} events
   */
  constructor(url, init, events) {
    this.#events = events
    this.#socket = new WebSocket(url)
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.addEventListener('open', () => {
      this.#connected = true
      this.#state = State.JOINING
      this.#say({ op: 'init', ...init })
    })
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data))
    this.#socket.addEventListener('close', ({ code }) => this.#closed(code))
    this.#expectAnswer()
  }

  /** Bytes that the browser has not handed to the network yet. */
  get unsentBytes() {
    return this.#state === State.OPEN ? this.#socket.bufferedAmount : Infinity
  }

  /** @param {Int16Array} frame 16 kHz mono, any length */
  send(frame) {
    if (this.#state === State.OPEN) this.#sendNow(frame)
    else if (this.#state !== State.CLOSED && this.#kept.length < KEPT_FRAMES_MAX) this.#kept.push(frame)
  }

  /** Ends the turn; its final follows, and the session goes on. */
  finalize() {
    if (this.#state === State.OPEN) this.#say({ op: 'finalize' })
  }

  /** Ends the turn and then the session: the final comes, then `closed`. */
  close() {
    if (this.#asked || this.#state === State.CLOSED) return
    this.#asked = true
    if (this.#state === State.OPEN) this.#sayClose()
    // Before `ready` it waits for it, so that what was already said is still heard.
  }

  #sayClose() {
    this.#say({ op: 'close' })
    this.#state = State.CLOSING
    this.#expectAnswer()
  }

  #say(message) {
    this.#socket.send(JSON.stringify(message))
  }

  #sendNow(frame) {
    this.#socket.send(frame)
    this.#events.sent(frame)
  }

  #receive(data) {
    if (this.#state === State.CLOSING) this.#expectAnswer()
    const message = JSON.parse(data)
    switch (message.op) {
      case 'ready':
        clearTimeout(this.#answerTimer)
        this.#ready = true
        this.#state = State.OPEN
        this.#events.ready(message)
        for (const frame of this.#kept.splice(0)) this.#sendNow(frame)
        if (this.#asked) this.#sayClose()
        break
      case 'interim':
        this.#events.interim(message)
        break
      case 'final':
        this.#events.final(message)
        break
      case 'error':
        this.#error = message
        break
      default: // Messages of a newer service that this page does not know.
    }
  }

  #expectAnswer() {
    clearTimeout(this.#answerTimer)
    this.#answerTimer = setTimeout(() => {
      this.#silent = true
      this.#socket.close()
      // A dead network may never complete the close handshake.
      this.#closed(1006)
    }, ANSWER_MS_MAX)
  }

  #closed(closeCode) {
    if (this.#state === State.CLOSED) return
    this.#state = State.CLOSED
    clearTimeout(this.#answerTimer)
    this.#kept = []
    this.#events.closed({
      closeCode,
      error: this.#error,
      connected: this.#connected,
      ready: this.#ready,
      asked: this.#asked,
      silent: this.#silent,
    })
  }
}
