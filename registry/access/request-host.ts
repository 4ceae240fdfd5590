import { isIP } from 'node:net';

/**
 * Whether a request names this registry as its host. A page of a foreign site can make its own name resolve to this
 * address (DNS rebinding) and would then read and write the registry as its own origin, but its requests carry that name.
 * Addresses, names without a dot and private names cannot be such a site.
 *
 * @param allowed further names by which the registry is called; `*.example.com` for all below
 */
export function createRequestHostCheck(allowed: readonly string[]): (host: string | null) => boolean {
  const names = allowed.map((name) => name.toLowerCase());
  const isListed = (name: string) =>
    names.some((entry) => (entry.startsWith('*.') ? name.endsWith(entry.slice(1)) : name === entry));

  return (host) => {
    const [, bracketed, plain = ''] = AUTHORITY.exec(host ?? '') ?? [];
    if (bracketed !== undefined) return isIP(bracketed) === 6;
    const name = plain.toLowerCase();
    if (name === '') return false;
    return (
      !name.includes('.') || isIP(name) === 4 || PRIVATE.some((end) => name.endsWith(end)) || isListed(name)
    );
  };
}

const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/;

/** Never in the public DNS: RFC 6761, ICANN's `.internal`, and the domain of Kubernetes' services. */
const PRIVATE = ['.localhost', '.internal', '.cluster.local', '.svc'];
