/** The transcript on the page: finals as lines with their time, the interim in grey below them. */

export class TranscriptView {
  #box
  #finals
  #interim
  #empty
  #onChange

  /** @param {{box: HTMLElement, finals: HTMLElement, interim: HTMLElement, empty: HTMLElement, onChange: () => void}} parts */
  constructor({ box, finals, interim, empty, onChange }) {
    this.#box = box
    this.#finals = finals
    this.#interim = interim
    this.#empty = empty
    this.#onChange = onChange
  }

  /** Plain text of all that is shown, a turn a line. */
  get text() {
    const lines = [...this.#finals.querySelectorAll('span')].map((line) => line.textContent)
    return [...lines, this.#interim.textContent].filter(Boolean).join('\n')
  }

  interim(text) {
    this.#write(() => {
      this.#interim.textContent = text
      this.#interim.hidden = text === ''
    })
  }

  /** A turn without words leaves no line. `startMs` is where it began in the session. */
  final(text, startMs) {
    this.#write(() => {
      this.#interim.textContent = ''
      this.#interim.hidden = true
      if (text === '') return
      const line = document.createElement('li')
      const time = document.createElement('time')
      time.textContent = startMs === undefined ? '' : clock(startMs)
      const words = document.createElement('span')
      words.textContent = text
      line.append(time, words)
      this.#finals.append(line)
    })
  }

  /** The session is over: an interim that no final replaced stays as a grey line, for nobody will finish it. */
  breakOff() {
    const text = this.#interim.textContent
    if (text === '') return
    this.final(text)
    this.#finals.lastElementChild.classList.add('unfinished')
  }

  clear() {
    this.#write(() => {
      this.#finals.replaceChildren()
      this.#interim.textContent = ''
      this.#interim.hidden = true
    })
  }

  #write(change) {
    // Whoever scrolled up to read is left there.
    const atEnd = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < 40
    change()
    this.#empty.hidden = this.text !== ''
    if (atEnd) this.#box.scrollTop = this.#box.scrollHeight
    this.#onChange()
  }
}

function clock(ms) {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
