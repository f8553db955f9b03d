/** The few things that the page does with its elements. */

/**
 * The element of an id or selector.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {T}
 */
export function find(selector, within = document) {
  const found = within.querySelector(selector)
  if (found === null) throw new Error(`no element is ${selector}`)
  return /** @type {T} */ (found)
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {...(Node | string)} children
 */
export function make(tag, className = '', ...children) {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  element.append(...children)
  return element
}

/**
 * What has not changed is not touched: screen readers and layout are spared.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * As `write`, for a name that may be long: it breaks after a slash rather than within a word.
 * @param {Element} element
 * @param {string} text
 */
function writeName(element, text) {
  if (element.textContent === text) return
  const parts = text.split(/(?<=\/)/)
  element.replaceChildren(...parts.flatMap((part) => [part, make('wbr')]))
}

/**
 * Makes the rows of a table body those given, the first cell of each its header.
 * @param {HTMLElement} body
 * @param {readonly (readonly string[])[]} rows
 */
export function fill(body, rows) {
  while (body.children.length > rows.length) body.lastElementChild?.remove()
  rows.forEach((cells, index) => {
    const row = body.children[index] ?? body.appendChild(make('tr'))
    cells.forEach((text, column) => {
      let cell = row.children[column]
      if (cell === undefined) {
        cell = row.appendChild(make(column === 0 ? 'th' : 'td'))
        if (column === 0) cell.setAttribute('scope', 'row')
      }
      if (column === 0) writeName(cell, text)
      else write(cell, text)
    })
  })
}

/** @type {Map<Element, (isSeen: boolean) => void>} */
const watched = new Map()
const eye = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) watched.get(target)?.(isIntersecting)
  },
  // Drawn before it comes into sight.
  { rootMargin: '50%' },
)

/**
 * What is scrolled out of sight need not be drawn.
 * @param {Element} element
 * @param {(isSeen: boolean) => void} changed
 * @returns {() => void} what ends it
 */
export function onSeen(element, changed) {
  watched.set(element, changed)
  eye.observe(element)
  return () => {
    watched.delete(element)
    eye.unobserve(element)
  }
}
