/** Whose passkeys are good here (WebAuthn, 4: relying party). */
export interface RelyingParty {
  readonly id: string;
  readonly name: string;
  /** Of the pages that may ask for one. */
  readonly origin: string;
}

/** Addresses of development. */
const LOOPBACK = new Set(['127.0.0.1', '[::1]']);

/**
 * The relying party of a public address. The address of this machine stands for `localhost`: browsers know no passkeys of IP
 * addresses.
 */
export function relyingPartyOf(publicUrl: string): RelyingParty {
  const url = new URL(publicUrl);
  if (LOOPBACK.has(url.hostname)) url.hostname = 'localhost';
  return { id: url.hostname, name: 'Rookery', origin: url.origin };
}
