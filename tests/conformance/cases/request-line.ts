import { expect } from 'bun:test';
import { type Case, get, MARK, refused, served } from '../support/cases';

const line = (text: string) => `${text}\r\nHost: a\r\n\r\n`;

export const requestLine: Case[] = [
  served('3', 'reads a plain request', get(), ({ method, path }) => {
    expect([method, path]).toEqual(['GET', '/echo']);
  }),
  served('2.2', 'skips one empty line before a request', `\r\n${get()}`),
  refused(400, '2.2', 'refuses several empty lines', `\r\n\r\n${get()}`),
  refused(400, '2.2', 'refuses an empty line that is a bare LF', `\n${get()}`),
  refused(400, '2.2', 'refuses blanks before the request line', ` ${get()}`),
  refused(400, '2.2', 'refuses a line of blanks before the request line', `  \r\n${get()}`),
  refused(400, '2.2', 'refuses a line that ends with a bare LF', 'GET /echo HTTP/1.1\nHost: a\n\n'),
  refused(400, '2.2', 'refuses a line that ends with a bare CR', 'GET /echo HTTP/1.1\rHost: a\r\r'),
  refused(400, '2.2', 'refuses CR CR LF', 'GET /echo HTTP/1.1\r\r\nHost: a\r\n\r\n'),
  refused(400, '3', 'refuses two blanks behind the method', line('GET  /echo HTTP/1.1')),
  refused(400, '3', 'refuses two blanks before the version', line('GET /echo  HTTP/1.1')),
  refused(400, '3', 'refuses a blank behind the version', line('GET /echo HTTP/1.1 ')),
  refused(400, '3', 'refuses tabs for blanks', line('GET\t/echo\tHTTP/1.1')),
  refused(400, '3', 'refuses a form feed for a blank', line('GET /echo\fHTTP/1.1')),
  refused(400, '3', 'refuses a missing target', line('GET HTTP/1.1')),
  refused(400, '3', 'refuses an empty target', line('GET  HTTP/1.1')),
  refused(400, '3', 'refuses a blank within the target', line(`GET /echo/${MARK} ${MARK} HTTP/1.1`)),
  refused(400, '3', 'refuses a request line that is only a method', line('GET')),
  refused(
    400,
    '3',
    'refuses bytes that are no request',
    `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${MARK}`,
  ),
  refused(400, '3.1', 'refuses a method with a delimiter', line('GE(T /echo HTTP/1.1')),
  refused(400, '3.1', 'refuses a method with a control character', line('GE\x00T /echo HTTP/1.1')),
  refused(400, '3.1', 'refuses a method with a byte above 127', line('G\xcbT /echo HTTP/1.1')),
  refused(400, '3.1', 'refuses a method of 33 characters', line(`${'M'.repeat(33)} /echo HTTP/1.1`)),
  refused(400, '3.1', 'refuses a method that never ends', 'M'.repeat(20_000)),
  ...['get', 'Get', 'FOO', 'PROPFIND', 'M-SEARCH', 'GETGET', "A!#$%&'*+-.^_`|~0"].map(
    (method): Case => ({
      name: `takes ${method} for a method it does not know`,
      rfc: '3.1',
      send: line(`${method} /echo HTTP/1.1`),
      answers: [405],
      afterwards: 'open',
      check: ([response]) => expect(response?.headers.get('allow')).toContain('GET'),
    }),
  ),
  ...['CONNECT a:443', 'CONNECT /echo', 'CONNECT a', 'TRACE /echo', 'TRACE *'].map((start) =>
    refused(405, '9110 9.3.6, 9.3.8', `refuses ${start}`, line(`${start} HTTP/1.1`)),
  ),

  refused(505, '2.3', 'refuses HTTP/2.0', line('GET /echo HTTP/2.0')),
  refused(505, '2.3', "refuses HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refused(505, '2.3', 'refuses HTTP/1.2 rather than guess what it would mean', line('GET /echo HTTP/1.2')),
  refused(505, '2.3', 'refuses HTTP/3.1', line('GET /echo HTTP/3.1')),
  refused(505, '2.3', 'refuses HTTP/0.9 said aloud', line('GET /echo HTTP/0.9')),
  refused(400, '2.3', 'refuses HTTP/0.9', 'GET /echo\r\n\r\n'),
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
  ].map((version) => refused(400, '2.3', `refuses the version ${version}`, line(`GET /echo ${version}`))),

  served('3.2.2', 'takes the path out of absolute-form', get('http://b/echo/x?y=1'), ({ path }) => {
    expect(path).toBe('/echo/x?y=1');
  }),
  served('3.2.2', 'believes absolute-form more than Host', get('http://other:81/echo'), ({ header }) => {
    expect(header('host')).toEqual(['other:81']);
    expect(header('x-forwarded-host')).toEqual(['other:81']);
  }),
  served('3.2.2', 'reads a scheme in any spelling', get('HtTp://a/echo')),
  refused(400, '3.2.2', 'wants Host beside absolute-form all the same', 'GET http://a/echo HTTP/1.1\r\n\r\n'),
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
  ].map((target) => refused(400, '3.2.2', `refuses the target ${target}`, get(target))),
  refused(400, '3.2.3', 'refuses authority-form outside CONNECT', get('a:80')),
  {
    name: 'answers OPTIONS *',
    rfc: '3.2.4',
    send: 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    answers: [204],
    afterwards: 'open',
  },
  refused(400, '3.2.4', 'refuses an asterisk for any other method', get('*')),
  refused(400, '3.2', 'refuses a target without a slash', get(`echo/${MARK}`)),
  refused(400, '3.2', 'refuses a fragment', get(`/echo#${MARK}`)),
  refused(400, '3.2', 'refuses a backslash', get('/echo\\..\\x')),
  refused(400, '3.2', 'refuses NUL in a target', get('/echo/\x00')),
  refused(400, '3.2', 'refuses DEL in a target', get('/echo/\x7f')),
  refused(400, '3.2', 'refuses a byte above 127 in a target', get('/echo/\xe9')),
  refused(400, '3.2', 'refuses angle brackets in a target', get(`/echo/<${MARK}>`)),
  refused(400, '3.2', 'refuses a bare CR in a target', get('/echo\r/x')),
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
      name: `refuses ${target}`,
      rfc: '3986 6.2.2',
      send: get(target),
      answers: [400],
      afterwards: 'open',
      check: ([response]) =>
        expect(JSON.parse(response?.body ?? '')).toMatchObject({ code: 'request.path-refused' }),
    }),
  ),
  ...['/echo/a%20b', '/echo/%C3%A9', '/echo/a;v=1', '/echo/...', '/echo/..a', '/echo/a?x=/../%2e&y=%00'].map(
    (target) =>
      served('3986 6.2.2', `passes ${target} on as it is`, get(target), ({ path }) =>
        expect(path).toBe(target),
      ),
  ),
  served('3986 6.2.2', 'writes one path in one way', get('/ech%6f/%7euser/%c3%a9'), ({ path }) =>
    expect(path).toBe('/echo/~user/%C3%A9'),
  ),
  {
    name: 'answers its own pages by the path that was matched',
    rfc: '3986 6.2.2',
    send: get('/%68ealth'),
    answers: [200],
    afterwards: 'open',
  },
];
