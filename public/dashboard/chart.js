/** One chart of the last five minutes: uPlot with the page's looks, and a legend that is text. */
import { colours, onColours } from './colours.js'
import { make, onSeen, write } from './dom.js'
import { count, time } from './format.js'

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {keyof typeof colours} colour
 * @property {(value: number) => string} show
 * @property {boolean} [filled]
 * @property {boolean} [dashed]
 * @property {boolean} [stepped]
 *
 * @typedef {(number | null | undefined)[]} Values
 */

const SECONDS = 300
const HEIGHT = 130
/** Between two marks of an axis of whole numbers. */
const WHOLE = [1, 10, 100, 1000, 10_000, 100_000, 1e6].flatMap((ten) => [ten, 2 * ten, 5 * ten])

export class Chart {
  #plot
  #frame
  /** @type {HTMLElement[]} */
  #values = []
  #lines
  #title
  #at = make('span', 'at')
  /** @type {uPlot.AlignedData} */
  #data = [[]]
  #isSeen = true
  #unsee

  /**
   * @param {HTMLElement} parent
   * @param {string} title
   * @param {readonly Line[]} lines
   * @param {(data: uPlot.AlignedData) => number} top the upper end of the vertical axis
   */
  constructor(parent, title, lines, top) {
    this.#title = title
    this.#lines = lines
    const legend = make('ul', 'legend')
    for (const { name, colour, dashed } of lines) {
      const value = make('b')
      this.#values.push(value)
      legend.append(
        make('li', '', make('i', `${colour}${dashed ? ' dashed' : ''}`), `${name} `, value),
      )
    }
    this.#frame = make('div', 'plot')
    this.#frame.setAttribute('role', 'img')
    const name = make('span', 'name', title)
    name.title = title
    const head = make('figcaption', '', name, this.#at)
    parent.append(make('figure', '', head, legend, this.#frame))
    this.#plot = new uPlot(this.#options(lines, top), this.#data, this.#frame)
    onColours(() => this.#plot.redraw(false))
    this.#unsee = onSeen(this.#frame, (isSeen) => {
      this.#isSeen = isSeen
      if (isSeen) this.#plot.setData(this.#data)
    })
    new ResizeObserver(() => {
      const width = this.#frame.clientWidth
      if (width > 0) this.#plot.setSize({ width, height: HEIGHT })
    }).observe(this.#frame)
  }

  /** @param {uPlot.AlignedData} data seconds first, then the values of each line */
  show(data) {
    this.#data = data
    if (this.#isSeen) this.#plot.setData(data)
    this.#tell(this.#plot.cursor.idx)
  }

  remove() {
    this.#unsee()
    this.#plot.destroy()
    this.#frame.parentElement?.remove()
  }

  /** @param {number | null | undefined} pointed what the pointer is at; the latest otherwise */
  #tell(pointed) {
    const index = pointed ?? this.#data[0].length - 1
    const texts = this.#lines.map(({ show }, line) => {
      const value = this.#data[line + 1]?.[index]
      return value === null || value === undefined ? '–' : show(value)
    })
    texts.forEach((text, line) => {
      write(/** @type {HTMLElement} */ (this.#values[line]), text)
    })
    const at = pointed === null || pointed === undefined ? undefined : this.#data[0][pointed]
    write(this.#at, at === undefined ? '' : time(at * 1000))
    if (at !== undefined) return
    const now = this.#lines.map(({ name }, line) => `${name} ${texts[line]}`).join(', ')
    this.#frame.setAttribute('aria-label', `${this.#title}, the last five minutes; now ${now}`)
  }

  /**
   * @param {readonly Line[]} lines
   * @param {(data: uPlot.AlignedData) => number} top
   * @returns {uPlot.Options}
   */
  #options(lines, top) {
    const steps = uPlot.paths.stepped?.({ align: 1 })
    const isWhole = lines.every(({ show }) => show === count)
    const axis = {
      stroke: () => colours.soft,
      font: '11px system-ui, sans-serif',
      grid: { stroke: () => colours.rule, width: 1 },
      ticks: { show: false },
    }
    return {
      width: this.#frame.clientWidth || 300,
      height: HEIGHT,
      padding: [8, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: {
        x: { range: (_plot, _min, max) => [max - SECONDS, max] },
        y: { range: () => [0, top(this.#data)] },
      },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 4,
          splits: ({ scales }) =>
            [300, 240, 180, 120, 60, 0].map((ago) => (scales.x?.max ?? 0) - ago),
          values: () => ['', '4 min', '3 min', '2 min', '1 min', 'now'],
        },
        {
          ...axis,
          size: 38,
          gap: 4,
          space: 28,
          values: (_plot, splits) => splits.map(shorten),
          ...(isWhole ? { incrs: WHOLE } : {}),
        },
      ],
      series: [
        {},
        ...lines.map(({ colour, filled, dashed, stepped }) => ({
          stroke: () => colours[colour],
          width: 1.5,
          points: { show: false },
          ...(filled ? { fill: () => `${colours[colour]}33` } : {}),
          ...(dashed ? { dash: [5, 4] } : {}),
          ...(stepped && steps ? { paths: steps } : {}),
        })),
      ],
      hooks: { setCursor: [({ cursor }) => this.#tell(cursor.idx)] },
    }
  }
}

/** @param {number} value */
function shorten(value) {
  if (value >= 1e6) return `${value / 1e6}M`
  return value >= 1000 ? `${value / 1000}k` : String(value)
}
