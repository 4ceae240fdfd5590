import type { ShareOwner } from '#kit/http/shares/shares';
import type { StreamContext } from '#kit/http/streams/event-stream-response';

/**
 * Whom a watch or a long poll is charged to: the gateways, once they have proved to be one, else the address of the connection,
 * as no proxy is in front of the registry.
 */
export const streamOwner = ({ request, server }: StreamContext, isGateway: boolean): ShareOwner => ({
  personId: isGateway ? 'gateways' : null,
  address: server?.requestIP(request)?.address ?? '127.0.0.1',
});
