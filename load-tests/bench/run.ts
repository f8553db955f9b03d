/** `npm run bench`: the process around the command line. */
import { main } from './cli.js'

process.exitCode = await main(process.argv.slice(2), process)
