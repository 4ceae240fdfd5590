import type { Registry } from 'prom-client';
import { InternalError, Problem } from '#kit/errors/problem';
import { createShares, type ShareLimits } from '#kit/http/shares/shares';
import { isField } from '../http1/field-lines';
import type { IncomingRequest } from '../http1/message';
import type { RequestContext } from '../model/request-context';
import type { StreamPlaces } from '../model/stream-places';
import { authorizationIn, type VerifiedCallers } from './verified-callers';

/**
 * Shares of streams in the gateway. Services have shares of their own; those from elsewhere may not, and their streams
 * would take the connections that all services need.
 */
export function createStreamPlaces(
  metrics: Registry,
  limits: ShareLimits,
  callers: VerifiedCallers,
): StreamPlaces {
  const shares = createShares(metrics, { name: 'gateway-streams', limits });
  return {
    identify({ request }) {
      const credential = credentialIn(request);
      if (credential === null || callers.userOf(credential) !== null) return null;
      if (asksForStream(request)) return callers.verify(credential);
      // The response of a service takes longer; should it not, the next attempt knows the person.
      callers.verifyInBackground(credential);
      return null;
    },
    take({ request, origin }: RequestContext) {
      const credential = credentialIn(request);
      const personId = credential === null ? null : callers.userOf(credential);
      try {
        return shares.acquire({ personId, address: origin.address });
      } catch (failure) {
        return failure instanceof Problem ? failure : new InternalError({ cause: failure });
      }
    },
  };
}

const asksForStream = ({ head, upgradesToWebSocket }: IncomingRequest): boolean =>
  upgradesToWebSocket ||
  head.headers.some(([name, value]) => isField(name, 'Accept') && value.includes('text/event-stream'));

/**
 * The credential of a request as a value of `Authorization`. Pages cannot set that field of a WebSocket: their token is in
 * the subprotocol `rookery.token.<token>`, or in the query (RFC 6750, section 2.3).
 */
function credentialIn({ head, upgradesToWebSocket }: IncomingRequest): string | null {
  const authorization = authorizationIn(head.headers);
  if (authorization !== null || !upgradesToWebSocket) return authorization;
  const token = tokenInSubprotocol(head.headers) ?? tokenInQuery(head.target);
  return token === null ? null : `Bearer ${token}`;
}

const TOKEN_SUBPROTOCOL = 'rookery.token.';

function tokenInSubprotocol(headers: IncomingRequest['head']['headers']): string | null {
  for (const [name, value] of headers) {
    if (!isField(name, 'Sec-WebSocket-Protocol')) continue;
    for (const protocol of value.split(','))
      if (protocol.trim().startsWith(TOKEN_SUBPROTOCOL))
        return protocol.trim().slice(TOKEN_SUBPROTOCOL.length);
  }
  return null;
}

function tokenInQuery(target: string): string | null {
  const start = target.indexOf('?');
  return start === -1 ? null : new URLSearchParams(target.slice(start)).get('token');
}
