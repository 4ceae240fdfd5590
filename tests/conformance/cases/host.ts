import { expect } from 'bun:test';
import { accepted, type Case, MARK, rejected } from '../support/cases';

const host = (value: string) => `GET /echo HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
/** A page of the gateway itself, which uses the host in URLs. */
const ownPage = (value: string) => `GET /health HTTP/1.1\r\nHost: ${value}\r\n\r\n`;

export const hosts: Case[] = [
  rejected(400, '3.2', 'rejects a request without Host', 'GET /echo HTTP/1.1\r\n\r\n'),
  rejected(400, '3.2', 'rejects two Host headers', `GET /echo HTTP/1.1\r\nHost: a\r\nHost: ${MARK}\r\n\r\n`),
  rejected(400, '3.2', 'rejects the same Host twice', 'GET /echo HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'),
  rejected(400, '3.2', 'rejects an empty host', host('')),
  rejected(400, '3.2', 'rejects a list of hosts', host('a, b')),
  ...[
    `user@${MARK}`,
    `user:${MARK}@a`,
    'a/echo',
    'a?x',
    'a#x',
    'a b',
    'a\tb',
    'a\\b',
    'a:',
    'a:x',
    'a:-1',
    'a:80:80',
    'a:123456',
    'a:65536',
    ':80',
    '[::1',
    '::1]',
    '[]',
    '[g::1]',
    '[::1]x',
    '[1::2::3]',
    '[:::::]',
    'a%00',
    'a"b',
    'a<b>',
    'a\xe9',
    'http://a',
  ].map((value) => rejected(400, '3.2, 9110 7.2', `rejects the host ${JSON.stringify(value)}`, host(value))),
  ...['a', 'A.Example', 'a.b-c_d', '127.0.0.1', 'a:80', 'a:65535', '[::1]', '[2001:db8::1]:8080'].map(
    (value) =>
      accepted('9110 7.2', `accepts and forwards the host ${value}`, host(value), ({ header }) =>
        expect(header('host').map((one) => one.toLowerCase())).toEqual([value.toLowerCase()]),
      ),
  ),
  ...['a..b', '.', '-', '1.2.3.4.5', '999.1.1.1', '0x7f.1', 'xn--a', '_'].map(
    (value): Case => ({
      name: `serves its own pages under the host ${value}`,
      rfc: '9110 7.2',
      send: ownPage(value),
      statuses: [200],
      connection: 'open',
    }),
  ),
  {
    name: 'accepts HTTP/1.0 without Host',
    rfc: '3.2',
    send: 'GET /echo HTTP/1.0\r\n\r\n',
    statuses: [200],
    connection: 'closed',
  },
  rejected(
    400,
    '3.2',
    'rejects two Host headers in HTTP/1.0',
    'GET /echo HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n',
  ),
];
