/** `localhost` with its two addresses, which not every machine has in its table of hosts. */
import { networkInterfaces } from 'node:os'

/** Tests that need both skip themselves elsewhere. */
export const hasBoth: boolean = Object.values(networkInterfaces())
  .flat()
  .some((own) => own?.address === '::1')

/** A module: the process that imports it finds both behind the name. */
export const twoAddresses: string = `data:text/javascript,${encodeURIComponent(`
  import dns from 'node:dns'
  const { lookup } = dns
  const both = [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }]
  dns.lookup = (host, options, callback) =>
    host === 'localhost' && options.all
      ? process.nextTick(callback, null, both)
      : lookup(host, options, callback)
`)}`
