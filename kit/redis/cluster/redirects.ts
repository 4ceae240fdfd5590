import { ErrorReply } from 'redis';
import { addressOf, parseAddress } from './topology';

/** Why a node did not execute a command, and what the client is to do (Redis Cluster specification, "Redirection"). */
export type Redirect =
  | { readonly kind: 'MOVED' | 'ASK'; readonly address: string }
  /** Keys of the call are on two servers, because their slot is being moved. */
  | { readonly kind: 'TRYAGAIN' };

/** The redirect in an error of a command; undefined when it is another error. */
export function redirectOf(failure: unknown): Redirect | undefined {
  if (!(failure instanceof ErrorReply)) return undefined;
  const [kind, , address] = failure.message.split(' ');
  if (kind === 'TRYAGAIN') return { kind };
  if ((kind !== 'MOVED' && kind !== 'ASK') || address === undefined) return undefined;
  return { kind, address: addressOf(parseAddress(address)) };
}
