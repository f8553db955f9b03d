/**
 * What is used of a client: ioredis (6 or later) and iovalkey have it. It is never imported, so that a
 * library without a store needs none.
 */

export interface RedisClient {
  readonly status: string
  duplicate(options: object): RedisClient
  evalsha(sha: string, keys: number, ...args: (string | number)[]): Promise<unknown>
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>
  info(...sections: string[]): Promise<string>
  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(...channels: string[]): Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: an event's values are the event's own
  on(event: string, listener: (...values: any[]) => void): unknown
  disconnect(reconnect?: boolean): void
}

/** Milliseconds that a connection, and a command on it, may take. */
export const PATIENCE = 2000

/** Milliseconds: the longest between two attempts to connect. */
const RETRY = 500

/**
 * Nothing waits for a connection, nothing is sent again, and everything is settled: what is late says
 * something old, and the next sync says it better.
 */
const FAILS_FAST = {
  lazyConnect: false,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  connectTimeout: PATIENCE,
  commandTimeout: PATIENCE,
  // A silent peer never answers a goodbye.
  disconnectTimeout: 50,
  // Many that lost it together do not come back together.
  retryStrategy: (times: number) => Math.min(50 * times, RETRY) * (0.5 + Math.random()),
  // What was the master is not any more.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
}

/** A connection of its own, to where another one goes. */
export function connectionLike(client: RedisClient): RedisClient {
  return client.duplicate(FAILS_FAST)
}

/** Ends it and connects anew, unless that is under way. */
export function renew(client: RedisClient): void {
  if (client.status === 'ready' || client.status === 'connect') client.disconnect(true)
}
