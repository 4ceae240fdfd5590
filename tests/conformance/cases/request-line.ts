import { expect } from 'bun:test';
import { accepted, type Case, get, MARK, rejected } from '../support/cases';

const line = (text: string) => `${text}\r\nHost: a\r\n\r\n`;

export const requestLine: Case[] = [
  accepted('3', 'reads a plain request', get(), ({ method, path }) => {
    expect([method, path]).toEqual(['GET', '/echo']);
  }),
  accepted('2.2', 'skips one empty line before a request', `\r\n${get()}`),
  rejected(400, '2.2', 'rejects several empty lines', `\r\n\r\n${get()}`),
  rejected(400, '2.2', 'rejects an empty line that is a bare LF', `\n${get()}`),
  rejected(400, '2.2', 'rejects spaces before the request line', ` ${get()}`),
  rejected(400, '2.2', 'rejects a line of spaces before the request line', `  \r\n${get()}`),
  rejected(400, '2.2', 'rejects a line that ends with a bare LF', 'GET /echo HTTP/1.1\nHost: a\n\n'),
  rejected(400, '2.2', 'rejects a line that ends with a bare CR', 'GET /echo HTTP/1.1\rHost: a\r\r'),
  rejected(400, '2.2', 'rejects CR CR LF', 'GET /echo HTTP/1.1\r\r\nHost: a\r\n\r\n'),
  rejected(400, '3', 'rejects two spaces after the method', line('GET  /echo HTTP/1.1')),
  rejected(400, '3', 'rejects two spaces before the version', line('GET /echo  HTTP/1.1')),
  rejected(400, '3', 'rejects a space after the version', line('GET /echo HTTP/1.1 ')),
  rejected(400, '3', 'rejects tabs instead of spaces', line('GET\t/echo\tHTTP/1.1')),
  rejected(400, '3', 'rejects a form feed instead of a space', line('GET /echo\fHTTP/1.1')),
  rejected(400, '3', 'rejects a missing target', line('GET HTTP/1.1')),
  rejected(400, '3', 'rejects an empty target', line('GET  HTTP/1.1')),
  rejected(400, '3', 'rejects a space within the target', line(`GET /echo/${MARK} ${MARK} HTTP/1.1`)),
  rejected(400, '3', 'rejects a request line that is only a method', line('GET')),
  rejected(
    400,
    '3',
    'rejects bytes that are not HTTP',
    `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${MARK}`,
  ),
  rejected(400, '3.1', 'rejects a method with a delimiter', line('GE(T /echo HTTP/1.1')),
  rejected(400, '3.1', 'rejects a method with a control character', line('GE\x00T /echo HTTP/1.1')),
  rejected(400, '3.1', 'rejects a method with a byte above 127', line('G\xcbT /echo HTTP/1.1')),
  rejected(400, '3.1', 'rejects a method of 33 characters', line(`${'M'.repeat(33)} /echo HTTP/1.1`)),
  rejected(400, '3.1', 'rejects a method that never ends', 'M'.repeat(20_000)),
  ...['get', 'Get', 'FOO', 'PROPFIND', 'M-SEARCH', 'GETGET', "A!#$%&'*+-.^_`|~0"].map(
    (method): Case => ({
      name: `rejects the unknown method ${method}`,
      rfc: '3.1',
      send: line(`${method} /echo HTTP/1.1`),
      statuses: [405],
      connection: 'open',
      check: ([response]) => expect(response?.headers.get('allow')).toContain('GET'),
    }),
  ),
  ...['CONNECT a:443', 'CONNECT /echo', 'CONNECT a', 'TRACE /echo', 'TRACE *'].map((start) =>
    rejected(405, '9110 9.3.6, 9.3.8', `rejects ${start}`, line(`${start} HTTP/1.1`)),
  ),

  rejected(505, '2.3', 'rejects HTTP/2.0', line('GET /echo HTTP/2.0')),
  rejected(505, '2.3', 'rejects the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  rejected(505, '2.3', 'rejects HTTP/1.2', line('GET /echo HTTP/1.2')),
  rejected(505, '2.3', 'rejects HTTP/3.1', line('GET /echo HTTP/3.1')),
  rejected(505, '2.3', 'rejects an explicit HTTP/0.9', line('GET /echo HTTP/0.9')),
  rejected(400, '2.3', 'rejects HTTP/0.9', 'GET /echo\r\n\r\n'),
  ...[
    'http/1.1',
    'HTTP/1',
    'HTTP/1.',
    'HTTP/.1',
    'HTTP/1.10',
    'HTTP/01.1',
    'HTTP/1.1.1',
    'HTTP/1,1',
    'HTTP 1.1',
    'HTTP/ 1.1',
    'HTTP/1 .1',
    'HTTP/+1.1',
    'HTTPS/1.1',
    'HTPP/1.1',
    'ICE/1.1',
    'HTTP/x.y',
    'HTTP/-1.1',
  ].map((version) => rejected(400, '2.3', `rejects the version ${version}`, line(`GET /echo ${version}`))),

  accepted('3.2.2', 'uses the path of absolute-form', get('http://b/echo/x?y=1'), ({ path }) => {
    expect(path).toBe('/echo/x?y=1');
  }),
  accepted(
    '3.2.2',
    'prefers the host of absolute-form to Host',
    get('http://other:81/echo'),
    ({ header }) => {
      expect(header('host')).toEqual(['other:81']);
      expect(header('x-forwarded-host')).toEqual(['other:81']);
    },
  ),
  accepted('3.2.2', 'reads a scheme case-insensitively', get('HtTp://a/echo')),
  rejected(400, '3.2.2', 'requires Host with absolute-form', 'GET http://a/echo HTTP/1.1\r\n\r\n'),
  ...[
    `http://user:${MARK}@a/echo`,
    'http:///echo',
    'http://a:x/echo',
    'http://a:99999/echo',
    'http://a b/echo',
    'http:/echo',
    'http:echo',
    'ftp://a/echo',
    'file:///echo',
    'javascript:alert(1)',
  ].map((target) => rejected(400, '3.2.2', `rejects the target ${target}`, get(target))),
  rejected(400, '3.2.3', 'rejects authority-form outside CONNECT', get('a:80')),
  {
    name: 'responds to OPTIONS *',
    rfc: '3.2.4',
    send: 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    statuses: [204],
    connection: 'open',
  },
  rejected(400, '3.2.4', 'rejects an asterisk with another method', get('*')),
  rejected(400, '3.2', 'rejects a target without a slash', get(`echo/${MARK}`)),
  rejected(400, '3.2', 'rejects a fragment', get(`/echo#${MARK}`)),
  rejected(400, '3.2', 'rejects a backslash', get('/echo\\..\\x')),
  rejected(400, '3.2', 'rejects NUL in a target', get('/echo/\x00')),
  rejected(400, '3.2', 'rejects DEL in a target', get('/echo/\x7f')),
  rejected(400, '3.2', 'rejects a byte above 127 in a target', get('/echo/\xe9')),
  rejected(400, '3.2', 'rejects angle brackets in a target', get(`/echo/<${MARK}>`)),
  rejected(400, '3.2', 'rejects a bare CR in a target', get('/echo\r/x')),
];

export const paths: Case[] = [
  ...[
    '/echo/../echo',
    '/echo/..',
    '/echo/.',
    '/./echo',
    '//echo',
    '/echo//x',
    '/echo/%2e%2e/x',
    '/echo/%2E%2e/x',
    '/echo/.%2e/x',
    '/echo/..;/x',
    '/echo/..;a=b/x',
    '/echo/.;/x',
    '/echo/%2e%2e;/x',
    '/echo/..%3b/x',
    '/echo/%2f/x',
    '/echo/%2F',
    '/echo/%5c..%5cx',
    '/echo/%00',
    '/echo/%0d%0aX-Injected:%201',
    '/echo/%252e%252e/x',
    '/echo/%252f',
    '/echo/%c0%ae%c0%ae/x',
    '/echo/%c0%af',
    '/echo/%e0%80%af',
    '/echo/%f0%80%80%af',
    '/echo/%u002e',
    '/echo/%',
    '/echo/%2',
    '/echo/%zz',
    'http://a//echo',
    'http://a/echo/../echo',
  ].map(
    (target): Case => ({
      name: `rejects ${target}`,
      rfc: '3986 6.2.2',
      send: get(target),
      statuses: [400],
      connection: 'open',
      check: ([response]) =>
        expect(JSON.parse(response?.body ?? '')).toMatchObject({ code: 'request.path-refused' }),
    }),
  ),
  ...['/echo/a%20b', '/echo/%C3%A9', '/echo/a;v=1', '/echo/...', '/echo/..a', '/echo/a?x=/../%2e&y=%00'].map(
    (target) =>
      accepted('3986 6.2.2', `forwards ${target} unchanged`, get(target), ({ path }) =>
        expect(path).toBe(target),
      ),
  ),
  accepted('3986 6.2.2', 'normalizes the path', get('/ech%6f/%7euser/%c3%a9'), ({ path }) =>
    expect(path).toBe('/echo/~user/%C3%A9'),
  ),
  {
    name: 'matches its own pages by the normalized path',
    rfc: '3986 6.2.2',
    send: get('/%68ealth'),
    statuses: [200],
    connection: 'open',
  },
];
