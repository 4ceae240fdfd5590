import { isIPv6 } from 'node:net';
import type { Field, Rejection } from './environment';
import { listOf } from './urls';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** Comma-separated servers, each a host or `host:port`, in the order of preference; as text, which `serversOf` reads. */
export const servers = (fallback: string): Field<string> => ({
  parse: (value) => {
    const parsed = listOf(value).map((part) => parseServer(part, 1));
    return parsed.find((server): server is Rejection => 'problem' in server) ?? value;
  },
  fallback,
});

/**
 * The servers of such a list.
 *
 * @param port of those without one
 * @throws TypeError when it is no such list
 */
export const serversOf = (list: string, port: number): [ServerAddress, ...ServerAddress[]] => {
  const [first, ...others] = listOf(list).map((part) => {
    const server = parseServer(part, port);
    if ('problem' in server) throw new TypeError(`A list of servers ${server.problem}`);
    return server;
  });
  if (first === undefined) throw new TypeError('A list of servers is empty');
  return [first, ...others];
};

const PROBLEM: Rejection = {
  problem: 'must be a host, or several separated by commas, each with :port where it differs',
};

function parseServer(text: string, port: number): ServerAddress | Rejection {
  if (isIPv6(text)) return { host: text, port };
  const [, bracketed, name = '', digits] =
    /^(?:\[([^\]]*)\]|([^\s:/@[\]]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? name;
  const isValid = bracketed === undefined ? name !== '' : isIPv6(bracketed);
  const own = digits === undefined ? port : Number(digits);
  return isValid && own >= 1 && own <= 65_535 ? { host, port: own } : PROBLEM;
}
