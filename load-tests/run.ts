/** `npm run load`: the process around the command line. */
import { main } from './cli.js'
import { runProcess } from './process.js'

await runProcess(main)
