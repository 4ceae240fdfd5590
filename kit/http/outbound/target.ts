import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { parseWebUrl } from '../../text/web-url';
import { isPublicAddress, isPublicName } from './addresses';

/** Why a request to somebody else's address was not made, or not completed. */
export type OutboundReason =
  /** The URL is none for a public server: its scheme, port, credentials or host. */
  | 'refused-url'
  /** Its host has an address that is not public. */
  | 'refused-address'
  | 'unresolved'
  | 'unreachable'
  | 'timeout'
  | 'too-large'
  | 'refused-media-type'
  | 'too-many-redirects';

/** A failed request to somebody else's address. The message names neither the address nor what was received. */
export class OutboundFailure extends Error {
  constructor(
    readonly reason: OutboundReason,
    options: { cause?: unknown } = {},
  ) {
    super(`The address could not be read: ${reason}`, options);
    this.name = 'OutboundFailure';
  }
}

/** Resolves a name to all of its addresses. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/** Who decides where requests may go. */
export interface OutboundPolicy {
  /** Ports of URLs. */
  readonly ports: readonly number[];
  /** Whether an address that is not public may be called all the same. */
  readonly isAllowedAddress: (address: string) => boolean;
  readonly resolve: Resolve;
}

/** One request: where it goes, and the checked addresses that it may connect to. */
export interface OutboundTarget {
  readonly url: URL;
  readonly addresses: readonly { readonly address: string; readonly family: 4 | 6 }[];
}

/** The addresses of a name by the resolver of the system. */
export const resolveBySystem: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/**
 * Checks where a URL leads: all addresses of its host, so that none of them can be picked that was not checked. `URL` has
 * normalized the host before: `2130706433`, `0x7f.1`, `127.1` and full-width digits are `127.0.0.1`.
 *
 * @throws OutboundFailure
 */
export async function resolveTarget(text: string, policy: OutboundPolicy): Promise<OutboundTarget> {
  const url = parseWebUrl(text);
  if (url === null) throw new OutboundFailure('refused-url');
  const port = url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? 0) : Number(url.port);
  if (!policy.ports.includes(port)) throw new OutboundFailure('refused-url');
  // `example.com.` is `example.com`, but no certificate says so.
  url.hostname = url.hostname.replace(/\.$/, '');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) === 0 ? await addressesOf(host, policy.resolve) : [host];
  const isAllowed = (address: string) => isPublicAddress(address) || policy.isAllowedAddress(address);
  if (addresses.length === 0) throw new OutboundFailure('unresolved');
  if (!addresses.every(isAllowed)) throw new OutboundFailure('refused-address');
  return {
    url,
    addresses: addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 })),
  };
}

async function addressesOf(name: string, resolve: Resolve): Promise<readonly string[]> {
  if (!isPublicName(name)) throw new OutboundFailure('refused-address');
  try {
    return await resolve(name);
  } catch (cause) {
    throw new OutboundFailure('unresolved', { cause });
  }
}
