/** `npm run test:hostile`: the process around the command line. */
import { runProcess } from '../process.js'
import { main } from './cli.js'

await runProcess(main)
