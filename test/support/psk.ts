/** TLS with a key that both ends know in place of a certificate. */
import { connect, type TLSSocket } from 'node:tls'

const key = Buffer.from('a key that both of them know')
const terms = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const

/** For a server's `https`. */
export const psk = { ...terms, pskCallback: () => key }

/** @param protocols what the client offers to speak (ALPN) */
export function connectPsk(port: number, host: string, protocols: string[] = []): TLSSocket {
  const socket = connect({
    ...terms,
    port,
    host,
    pskCallback: () => ({ psk: key, identity: 'test' }),
    checkServerIdentity: () => undefined,
    ...(protocols.length > 0 && { ALPNProtocols: protocols }),
  })
  // An abort is what many tests are about; its error is no news.
  return socket.on('error', () => {})
}
