import { expect } from 'bun:test';
import { type Case, MARK, refused, served } from '../support/cases';

const host = (value: string) => `GET /echo HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
/** A page of the gateway's own: there a host becomes part of a URL. */
const ownPage = (value: string) => `GET /health HTTP/1.1\r\nHost: ${value}\r\n\r\n`;

export const hosts: Case[] = [
  refused(400, '3.2', 'refuses a request without Host', 'GET /echo HTTP/1.1\r\n\r\n'),
  refused(400, '3.2', 'refuses two', `GET /echo HTTP/1.1\r\nHost: a\r\nHost: ${MARK}\r\n\r\n`),
  refused(400, '3.2', 'refuses the same twice', 'GET /echo HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'),
  refused(400, '3.2', 'refuses an empty one', host('')),
  refused(400, '3.2', 'refuses a list', host('a, b')),
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
  ].map((value) => refused(400, '3.2, 9110 7.2', `refuses the host ${JSON.stringify(value)}`, host(value))),
  ...['a', 'A.Example', 'a.b-c_d', '127.0.0.1', 'a:80', 'a:65535', '[::1]', '[2001:db8::1]:8080'].map(
    (value) =>
      served('9110 7.2', `takes the host ${value} and passes it on`, host(value), ({ header }) =>
        expect(header('host').map((one) => one.toLowerCase())).toEqual([value.toLowerCase()]),
      ),
  ),
  ...['a..b', '.', '-', '1.2.3.4.5', '999.1.1.1', '0x7f.1', 'xn--a', '_'].map(
    (value): Case => ({
      name: `shows its own pages whatever it is called: ${value}`,
      rfc: '9110 7.2',
      send: ownPage(value),
      answers: [200],
      afterwards: 'open',
    }),
  ),
  {
    name: 'needs no Host from HTTP/1.0',
    rfc: '3.2',
    send: 'GET /echo HTTP/1.0\r\n\r\n',
    answers: [200],
    afterwards: 'closed',
  },
  refused(
    400,
    '3.2',
    'refuses two from HTTP/1.0 as well',
    'GET /echo HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n',
  ),
];
