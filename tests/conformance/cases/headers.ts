import { expect } from 'bun:test';
import { type Case, get, MARK, refused, served } from '../support/cases';

const field = (text: string) => get('/echo', `${text}\r\n`);

export const headers: Case[] = [
  served('5', 'passes a header on', field('X-Test: some value'), ({ header }) =>
    expect(header('x-test')).toEqual(['some value']),
  ),
  served('5', 'takes blanks and tabs around a value off', field('X-Test:\t  some value \t'), ({ header }) =>
    expect(header('x-test')).toEqual(['some value']),
  ),
  served('5', 'takes a value without a blank before it', field('X-Test:value'), ({ header }) =>
    expect(header('x-test')).toEqual(['value']),
  ),
  served('5', 'takes an empty value', field('X-Test:'), ({ header }) =>
    expect(header('x-test')).toEqual(['']),
  ),
  served('9110 5.5', 'takes bytes above 127 in a value', field('X-Test: caf\xe9')),
  served('9110 5.6.2', 'takes every character of a token in a name', field("X!#$%&'*+-.^`|~: y")),
  refused(400, '5.1', 'refuses a blank before the colon', field(`X-${MARK} : y`)),
  refused(400, '5.1', 'refuses a tab before the colon', field(`X-${MARK}\t: y`)),
  refused(400, '5.2', 'refuses a folded line', field(`X-Test: a\r\n ${MARK}`)),
  refused(400, '5.2', 'refuses a line folded with a tab', field(`X-Test: a\r\n\t${MARK}`)),
  refused(400, '2.2', 'refuses blanks before the first header', `GET /echo HTTP/1.1\r\n Host: a\r\n\r\n`),
  refused(400, '2.2', 'refuses a line of blanks among the headers', field(' ')),
  refused(400, '5', 'refuses a line without a colon', field(MARK)),
  refused(400, '5', 'refuses an empty name', field(`: ${MARK}`)),
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
    refused(
      400,
      '9110 5.1',
      `refuses ${JSON.stringify(character)} in a name`,
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
    refused(
      400,
      '9110 5.5',
      `refuses ${JSON.stringify(character)} in a value`,
      field(`X-Test: a${character}${MARK}`),
    ),
  ),
  refused(
    400,
    '2.2',
    'refuses headers that end with a bare LF',
    `GET /echo HTTP/1.1\r\nHost: a\r\n\nX: ${MARK}\r\n\r\n`,
  ),
  refused(431, '5', 'refuses a header of more than 16 KiB', field(`X-Test: ${'x'.repeat(17_000)}`)),
  refused(
    431,
    '5',
    'refuses headers of more than 16 KiB together',
    get('/echo', `X-Test: ${'x'.repeat(900)}\r\n`.repeat(20)),
  ),
  refused(431, '5', 'refuses more than 100 headers', get('/echo', 'X: y\r\n'.repeat(100))),
  refused(
    431,
    '5',
    'refuses a name that never ends',
    `GET /echo HTTP/1.1\r\nHost: a\r\n${'x'.repeat(20_000)}`,
  ),
  served('5', 'takes 100 headers', get('/echo', 'X: y\r\n'.repeat(99))),
  served('5', 'takes a header of almost 16 KiB', field(`X-Test: ${'x'.repeat(16_000)}`)),
  refused(414, '3', 'refuses a target of more than 8 KiB', get(`/echo/${'x'.repeat(8_200)}`)),
  refused(414, '3', 'refuses a target that never ends', `GET /${'x'.repeat(20_000)}`),
  served('3', 'takes a target of 8,000 characters', get(`/echo/${'x'.repeat(7_994)}`)),
];

/** Each is what a client could claim to be, or to have been. */
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
    served('9110 7.6.1', `passes no ${name} on`, field(`${name}: ${MARK}`), ({ header }) =>
      expect(header(name.toLowerCase())).toEqual([]),
    ),
  ),
  ...['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'Forwarded', 'traceparent'].map((name) =>
    served('9110 7.6.1', `writes its own ${name}`, field(`${name}: ${MARK}`), ({ header }) => {
      expect(header(name.toLowerCase()).length).toBe(1);
      expect(header(name.toLowerCase()).join()).not.toContain(MARK);
    }),
  ),
  served(
    '9110 7.6.1',
    'passes on nothing that Connection lists, and writes its own all the same',
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
  served(
    '7.8',
    'offers no upgrade but to WebSocket',
    get(
      '/echo',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n',
    ),
    ({ header }) => {
      expect(header('upgrade')).toEqual([]);
      expect(header('http2-settings')).toEqual([]);
    },
  ),
  served(
    '7.8',
    'takes an upgrade that Connection does not name for nothing',
    get('/echo', 'Upgrade: websocket\r\n'),
    ({ header }) => expect(header('upgrade')).toEqual([]),
  ),
];
