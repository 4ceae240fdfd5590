import { isIP } from 'node:net';

export interface Client {
  readonly address: string;
  readonly user_agent?: string;
}

/**
 * The client of a request: the address forwarded by the gateway, otherwise that of the connection. `serveHttp` has dropped
 * the forwarding fields of everybody who has not proved to be the gateway.
 */
export function readClient(
  request: Request,
  server: { requestIP(request: Request): { address: string } | null } | null,
): Client {
  const forwarded = request.headers.get('x-forwarded-for')?.split(',')[0]?.trim() ?? '';
  const userAgent = request.headers.get('user-agent')?.slice(0, 255);
  return {
    address: isIP(forwarded) !== 0 ? forwarded : (server?.requestIP(request)?.address ?? '127.0.0.1'),
    ...(userAgent !== undefined && { user_agent: userAgent }),
  };
}
