import { createHmac, hkdfSync } from 'node:crypto';
import type { Sender } from './model';

/** The client a message comes from. */
export interface MessageClient {
  readonly user: Sender | undefined;
  readonly address: string;
  /** Chosen by an anonymous client. */
  readonly session: string | undefined;
}

/**
 * Whose client ids are unique among each other: a user's, or those of one anonymous session. A client without a session is
 * known by its address only, which many share, so that only a repeat of the same text counts as one.
 *
 * @returns a function from a client and the text of a message to a UUID: the user's id, or a keyed digest, which neither
 *   discloses the address nor can be chosen to be a user's id
 */
export function createClientScopes(internalSecret: string): (client: MessageClient, text: string) => string {
  const key = new Uint8Array(hkdfSync('sha256', internalSecret, 'rookery', 'anonymous chat clients', 32));
  return ({ user, address, session }, text) => {
    if (user !== undefined) return user.id;
    const source = session === undefined ? ['address', address, text] : ['session', session];
    const hex = createHmac('sha256', key).update(JSON.stringify(source)).digest('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
  };
}
