/**
 * Who only looks on (probes, scrapes, the live page and its stream) is under no limit, since it has to
 * see when nothing else is answered, and is no news in the log.
 */
export const LOOKING_ON = { config: { concurrency: false }, logLevel: 'warn' } as const
