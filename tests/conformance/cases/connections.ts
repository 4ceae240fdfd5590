import { expect } from 'bun:test';
import { type Case, chunked, get, MARK, post, refused, seenIn } from '../support/cases';

export const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

export const connections: Case[] = [
  {
    name: 'answers pipelined requests in order',
    rfc: '9.3.2',
    send: get('/echo/1') + get('/echo/2') + get('/echo/3'),
    answers: [200, 200, 200],
    afterwards: 'open',
    check: (responses) =>
      expect(responses.slice(0, 3).map((response) => seenIn(response).path)).toEqual([
        '/echo/1',
        '/echo/2',
        '/echo/3',
      ]),
  },
  {
    name: 'keeps pipelined bodies apart',
    rfc: '9.3.2',
    send:
      post('Content-Length: 5\r\n', 'first') +
      chunked('6\r\nsecond\r\n0\r\n\r\n') +
      get('/echo/3') +
      post('Content-Length: 5\r\n', 'forth'),
    answers: [200, 200, 200, 200],
    afterwards: 'open',
    check: (responses) =>
      expect(responses.slice(0, 4).map((response) => seenIn(response).body)).toEqual([
        'first',
        'second',
        '',
        'forth',
      ]),
  },
  {
    name: 'answers what came before a refused request, and nothing behind it',
    rfc: '9.3.2',
    send: `${get('/echo/1')}${get('/echo/2')}GET /${MARK} HTTP/1.1\r\nHost: a b\r\n\r\n${get('/echo/4')}`,
    answers: [200, 200, 400],
    afterwards: 'closed',
  },
  {
    name: 'goes on behind an address it refuses',
    rfc: '9.3',
    send: get('/echo/1') + get('/echo/..') + get('/echo/3'),
    answers: [200, 400, 200],
    afterwards: 'open',
  },
  {
    name: 'answers nothing behind a request that asks to close',
    rfc: '9.6',
    send: get('/echo/1') + get('/echo/2', 'Connection: close\r\n') + get('/echo/3'),
    answers: [200, 200],
    afterwards: 'closed',
    check: (responses) => expect(responses[1]?.headers.get('connection')).toBe('close'),
  },
  {
    name: 'reads close among other options, in any spelling',
    rfc: '9.6',
    send: get('/echo', 'Connection: x-a, CLOSE\r\n'),
    answers: [200],
    afterwards: 'closed',
  },
  {
    name: 'closes behind HTTP/1.0',
    rfc: '9.3',
    send: 'GET /echo HTTP/1.0\r\nHost: a\r\n\r\n',
    answers: [200],
    afterwards: 'closed',
    check: ([response]) => expect(response?.headers.get('transfer-encoding')).toBeUndefined(),
  },
  {
    name: 'keeps HTTP/1.0 open where it is asked to, and says so',
    rfc: '9.3',
    send: 'GET /echo HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
    answers: [200],
    afterwards: 'open',
    check: ([response]) => expect(response?.headers.get('connection')).toBe('keep-alive'),
  },
  {
    name: 'answers HEAD with the length and no body',
    rfc: '9110 9.3.2',
    send: 'HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n',
    methods: ['HEAD'],
    answers: [200],
    afterwards: 'open',
    check: ([response]) => expect(response?.body).toBe(''),
  },
  {
    name: 'refuses HEAD without a body as well',
    rfc: '9110 9.3.2',
    send: 'HEAD /echo/.. HTTP/1.1\r\nHost: a\r\n\r\n',
    methods: ['HEAD'],
    answers: [400],
    afterwards: 'open',
  },
  {
    name: 'answers 204 without a body or a length',
    rfc: '6.3, 9110 8.6',
    send: get('/echo-nothing'),
    answers: [204],
    afterwards: 'open',
    check: ([response]) => {
      expect(response?.headers.get('content-length')).toBeUndefined();
      expect(response?.headers.get('transfer-encoding')).toBeUndefined();
    },
  },
  {
    name: 'answers 304 without a body',
    rfc: '6.3',
    send: get('/echo-known'),
    answers: [304],
    afterwards: 'open',
    check: ([response]) => expect(response?.headers.get('etag')).toBe('"known"'),
  },
  {
    name: 'reads a body whose client waits for 100 no longer',
    rfc: '9110 10.1.1',
    send: post('Content-Length: 5\r\nExpect: 100-continue\r\n', 'hello'),
    answers: [200],
    afterwards: 'open',
    check: ([response]) => expect(seenIn(response).header('expect')).toEqual([]),
  },
  {
    name: 'sends no interim response to HTTP/1.0',
    rfc: '9110 10.1.1',
    send: 'POST /echo HTTP/1.0\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello',
    answers: [200],
    afterwards: 'closed',
  },
  refused(417, '9110 10.1.1', 'refuses an expectation it does not know', get('/echo', `Expect: ${MARK}\r\n`)),
  refused(
    417,
    '9110 10.1.1',
    'refuses 100-continue among others',
    get('/echo', 'Expect: 100-continue, x\r\n'),
  ),
  refused(
    400,
    '9110 10.1.1',
    'refuses two expectations',
    get('/echo', 'Expect: 100-continue\r\nExpect: 100-continue\r\n'),
  ),
  {
    name: 'opens no WebSocket for a request with a body',
    rfc: '7.8',
    send: `${get('/echo', `${HANDSHAKE}Content-Length: 5\r\n`)}hello`,
    answers: [200],
    afterwards: 'open',
    check: ([response]) => expect(seenIn(response).header('upgrade')).toEqual([]),
  },
  {
    name: 'opens no WebSocket for HTTP/1.0',
    rfc: '7.8',
    send: `GET /echo HTTP/1.0\r\nHost: a\r\n${HANDSHAKE}\r\n`,
    answers: [200],
    afterwards: 'closed',
    check: ([response]) => expect(seenIn(response).header('upgrade')).toEqual([]),
  },
];
