const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+$/;

/**
 * The absolute URL below which a client has reached this server: at the gateway, where its forwarding fields say so, or
 * directly. The gateway sets these fields and drops those of clients; at a service's own port a client could set them, for
 * its own response only.
 *
 * @returns without a final slash: `https://api.example.com/users`
 */
export function publicUrlOf(request: Request): string {
  const { headers } = request;
  const own = new URL(request.url);
  const protocol = headers.get('x-forwarded-proto') ?? own.protocol.slice(0, -1);
  const host = headers.get('x-forwarded-host') ?? own.host;
  const prefix = headers.get('x-forwarded-prefix') ?? '';
  const forwarded = /^https?$/.test(protocol) ? URL.parse(`${protocol}://${host}`) : null;
  return `${forwarded?.origin ?? own.origin}${PREFIX.test(prefix) ? prefix : ''}`;
}
