/**
 * Loaded before anything else by every process that is compared with others, in a benchmark or in
 * pairs: keeps a `process.nextTick` object alive. Node makes one at each call, some ten a request. When
 * a collection, usually the first, finds none, V8 takes every shape there from then on, and a tick
 * costs 0.2 µs in place of 0.03: a fifth of a request, for as long as the process lives. Whether that
 * happens is chance; this rules it out in nearly every process on Node 20.
 */
import { createHook } from 'node:async_hooks'

const kept: object[] = []
const hook = createHook({
  init: (_id, type, _trigger, resource) => {
    if (type === 'TickObject') kept.push(resource)
  },
})
const nothing = (): void => {}
// Until V8 takes notes of its shape, and with arguments of all kinds.
for (let count = 0; count < 50; count++) {
  process.nextTick(nothing)
  process.nextTick(nothing, count)
  process.nextTick(nothing, hook, count)
}
hook.enable()
process.nextTick(nothing)
process.nextTick(nothing, 1)
process.nextTick(nothing, hook, 1)
hook.disable()
