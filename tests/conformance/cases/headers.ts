import { expect } from 'bun:test';
import { accepted, type Case, get, MARK, rejected } from '../support/cases';

const field = (text: string) => get('/echo', `${text}\r\n`);

export const headers: Case[] = [
  accepted('5', 'forwards a header', field('X-Test: some value'), ({ header }) =>
    expect(header('x-test')).toEqual(['some value']),
  ),
  accepted('5', 'trims spaces and tabs around a value', field('X-Test:\t  some value \t'), ({ header }) =>
    expect(header('x-test')).toEqual(['some value']),
  ),
  accepted('5', 'accepts a value without a leading space', field('X-Test:value'), ({ header }) =>
    expect(header('x-test')).toEqual(['value']),
  ),
  accepted('5', 'accepts an empty value', field('X-Test:'), ({ header }) =>
    expect(header('x-test')).toEqual(['']),
  ),
  accepted('9110 5.5', 'accepts bytes above 127 in a value', field('X-Test: caf\xe9')),
  accepted('9110 5.6.2', 'accepts every character of a token in a name', field("X!#$%&'*+-.^`|~: y")),
  rejected(400, '5.1', 'rejects a space before the colon', field(`X-${MARK} : y`)),
  rejected(400, '5.1', 'rejects a tab before the colon', field(`X-${MARK}\t: y`)),
  rejected(400, '5.2', 'rejects a folded line', field(`X-Test: a\r\n ${MARK}`)),
  rejected(400, '5.2', 'rejects a line folded with a tab', field(`X-Test: a\r\n\t${MARK}`)),
  rejected(400, '2.2', 'rejects spaces before the first header', `GET /echo HTTP/1.1\r\n Host: a\r\n\r\n`),
  rejected(400, '2.2', 'rejects a line of spaces among the headers', field(' ')),
  rejected(400, '5', 'rejects a line without a colon', field(MARK)),
  rejected(400, '5', 'rejects an empty name', field(`: ${MARK}`)),
  ...[
    ' ',
    '\t',
    '(',
    ')',
    ',',
    '/',
    ';',
    '<',
    '=',
    '>',
    '?',
    '@',
    '[',
    '\\',
    ']',
    '{',
    '}',
    '"',
    '\x00',
    '\x01',
    '\x7f',
    '\x80',
    '\xff',
  ].map((character) =>
    rejected(
      400,
      '9110 5.1',
      `rejects ${JSON.stringify(character)} in a name`,
      field(`X${character}${MARK}: y`),
    ),
  ),
  ...[
    '\x00',
    '\x01',
    '\x08',
    '\x0b',
    '\x0c',
    '\x1b',
    '\x1f',
    '\x7f',
    '\r',
    '\n',
    '\rX: y',
    '\nX: y',
    '\r\r\nX: y',
  ].map((character) =>
    rejected(
      400,
      '9110 5.5',
      `rejects ${JSON.stringify(character)} in a value`,
      field(`X-Test: a${character}${MARK}`),
    ),
  ),
  rejected(
    400,
    '2.2',
    'rejects headers that end with a bare LF',
    `GET /echo HTTP/1.1\r\nHost: a\r\n\nX: ${MARK}\r\n\r\n`,
  ),
  rejected(431, '5', 'rejects a header of more than 16 KiB', field(`X-Test: ${'x'.repeat(17_000)}`)),
  rejected(
    431,
    '5',
    'rejects headers of more than 16 KiB together',
    get('/echo', `X-Test: ${'x'.repeat(900)}\r\n`.repeat(20)),
  ),
  rejected(431, '5', 'rejects more than 100 headers', get('/echo', 'X: y\r\n'.repeat(100))),
  rejected(
    431,
    '5',
    'rejects a name that never ends',
    `GET /echo HTTP/1.1\r\nHost: a\r\n${'x'.repeat(20_000)}`,
  ),
  accepted('5', 'accepts 100 headers', get('/echo', 'X: y\r\n'.repeat(99))),
  accepted('5', 'accepts a header of almost 16 KiB', field(`X-Test: ${'x'.repeat(16_000)}`)),
  rejected(414, '3', 'rejects a target of more than 8 KiB', get(`/echo/${'x'.repeat(8_200)}`)),
  rejected(414, '3', 'rejects a target that never ends', `GET /${'x'.repeat(20_000)}`),
  accepted('3', 'accepts a target of 8,000 characters', get(`/echo/${'x'.repeat(7_994)}`)),
];

/** Headers with which clients could impersonate users, proxies or internal callers. */
export const NEVER_FROM_CLIENTS = [
  'X-User-Id',
  'x-user-roles',
  'X-Internal-Token',
  'X_User_Id',
  'X-User_Id',
  'X.User.Id',
  "X'User'Id",
  'X_Internal_Token',
  'X-Real-IP',
  'X_Real_IP',
  'True-Client-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'Client-IP',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Original-Host',
  'X-HTTP-Method-Override',
  'X-Forwarded-User',
  'X-Forwarded-Port',
  'X-Forwarded',
  'Forwarded_For',
  'Proxy',
  'Proxy-Connection',
  'Proxy-Authorization',
  'Keep-Alive',
  'TE',
  'HTTP2-Settings',
  'Transfer_Encoding',
  'Content_Length',
];

export const forwarding: Case[] = [
  ...NEVER_FROM_CLIENTS.map((name) =>
    accepted('9110 7.6.1', `does not forward ${name}`, field(`${name}: ${MARK}`), ({ header }) =>
      expect(header(name.toLowerCase())).toEqual([]),
    ),
  ),
  ...['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'Forwarded', 'traceparent'].map((name) =>
    accepted('9110 7.6.1', `replaces ${name}`, field(`${name}: ${MARK}`), ({ header }) => {
      expect(header(name.toLowerCase()).length).toBe(1);
      expect(header(name.toLowerCase()).join()).not.toContain(MARK);
    }),
  ),
  accepted(
    '9110 7.6.1',
    'does not forward headers listed in Connection, and still sets its own',
    get(
      '/echo',
      'Connection: x-test, X-Forwarded-For, X-Request-ID, Host, traceparent,, \r\nX-Test: y\r\nX-Kept: y\r\n',
    ),
    ({ header }) => {
      expect(header('x-test')).toEqual([]);
      expect(header('x-kept')).toEqual(['y']);
      expect(header('host')).toEqual(['a']);
      expect(header('x-forwarded-for')).toEqual(['127.0.0.1']);
      expect(header('x-request-id').length).toBe(1);
    },
  ),
  accepted(
    '7.8',
    'forwards no upgrade except to WebSocket',
    get(
      '/echo',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n',
    ),
    ({ header }) => {
      expect(header('upgrade')).toEqual([]);
      expect(header('http2-settings')).toEqual([]);
    },
  ),
  accepted(
    '7.8',
    'ignores an upgrade that Connection does not list',
    get('/echo', 'Upgrade: websocket\r\n'),
    ({ header }) => expect(header('upgrade')).toEqual([]),
  ),
];
