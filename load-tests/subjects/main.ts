/**
 * One server to be measured, in a process of its own, steered by its parent: it says which port it
 * listens on, and answers whatever it is asked with what it has used. It ends with its parent.
 *
 * Arguments: the subject's name, and for some a setting.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { subjects } from './menu.js'
import type { Question, Usage } from './messages.js'
import { collectAll } from './process/collect.js'

const [name = '', setting] = process.argv.slice(2)
const subject = subjects[name]
if (subject === undefined) throw new Error(`no subject ${name}`)
const server = await subject(setting)
server.listen(0, '127.0.0.1')
await once(server, 'listening')

process.on('message', (question: Question) => {
  if (question === 'live memory') collectAll()
  const { user, system } = process.cpuUsage()
  const { heapUsed, external } = process.memoryUsage()
  server.getConnections((_, connections) => {
    const usage: Usage = { cpu: (user + system) / 1e6, memory: heapUsed + external, connections }
    process.send?.(usage)
  })
})
process.on('disconnect', () => process.exit())
process.send?.((server.address() as AddressInfo).port)
