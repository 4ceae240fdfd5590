import { authorityOf, canonicalHost } from '#kit/core/address';

/** Where an instance listens: with gRPC at two ports of one host. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly grpc_port?: number | undefined;
  readonly tls?: boolean | undefined;
}

/** The authorities of an instance, one text for all spellings of its host. */
export function authoritiesOf({ host, port, grpc_port }: Address): string[] {
  const ports = grpc_port === undefined ? [port] : [port, grpc_port];
  return ports.map((one) => authorityOf(canonicalHost(host), one));
}

/** Ports that begin to serve TLS, or cease to, are verified again. */
export const isSameAddress = (left: Address, right: Address): boolean =>
  authoritiesOf(left).join() === authoritiesOf(right).join() && isTls(left) === isTls(right);

const isTls = ({ tls }: Address) => tls === true;

/** Whether both serve HTTP at one address: then the proof of the one also ends the other. */
export const sharesHttpAddress = (left: Address, right: Address): boolean =>
  authoritiesOf(left)[0] === authoritiesOf(right)[0];

/** The entries of the table by the authorities of their instances. */
export function createAddresses<Entry extends { readonly view: Address }>() {
  const entries = new Map<string, Set<Entry>>();

  return {
    add(entry: Entry): void {
      for (const authority of authoritiesOf(entry.view))
        entries.set(authority, (entries.get(authority) ?? new Set()).add(entry));
    },
    /** @param view the address under which it was added */
    remove(entry: Entry, view: Address = entry.view): void {
      for (const authority of authoritiesOf(view)) {
        const same = entries.get(authority);
        same?.delete(entry);
        if (same?.size === 0) entries.delete(authority);
      }
    },
    /** All that share a port with this address. */
    at: (address: Address): Entry[] => [
      ...new Set(authoritiesOf(address).flatMap((authority) => [...(entries.get(authority) ?? [])])),
    ],
  };
}
