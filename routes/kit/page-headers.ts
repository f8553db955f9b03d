/**
 * The security headers of every page of the server's: no script, style, image or request but its own,
 * as the Content-Security-Policy says.
 */
import type { FastifyHelmetOptions } from '@fastify/helmet'

export const PAGE_HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      connectSrc: ["'self'"],
      imgSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // Whether a host is https only is not for one of its pages to say; the other two mean nothing
  // on plain http but a complaint in the console.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
}
