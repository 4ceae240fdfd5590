import { isIP } from 'node:net';

export interface Client {
  readonly address: string;
  readonly user_agent?: string;
}

/**
 * The client of a request: the address forwarded by the gateway when the connection comes from a private network,
 * otherwise the address of the connection.
 */
export function readClient(
  request: Request,
  server: { requestIP(request: Request): { address: string } | null } | null,
): Client {
  const peer = server?.requestIP(request)?.address ?? '127.0.0.1';
  const forwarded = request.headers.get('x-forwarded-for')?.split(',')[0]?.trim() ?? '';
  const userAgent = request.headers.get('user-agent')?.slice(0, 255);
  return {
    address: isPrivate(peer) && isIP(forwarded) !== 0 ? forwarded : peer,
    ...(userAgent !== undefined && { user_agent: userAgent }),
  };
}

/** Loopback and private ranges (RFC 1918, RFC 4193): where gateways run, and external clients do not. */
const isPrivate = (address: string) =>
  /^(?:::ffff:)?(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)|^::1$|^f[cd]/.test(address);
