import { expect } from 'bun:test';
import { type Case, chunked, echoIn, get, MARK, post, rejected } from '../support/cases';

export const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

export const connections: Case[] = [
  {
    name: 'responds to pipelined requests in order',
    rfc: '9.3.2',
    send: get('/echo/1') + get('/echo/2') + get('/echo/3'),
    statuses: [200, 200, 200],
    connection: 'open',
    check: (responses) =>
      expect(responses.slice(0, 3).map((response) => echoIn(response).path)).toEqual([
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
    statuses: [200, 200, 200, 200],
    connection: 'open',
    check: (responses) =>
      expect(responses.slice(0, 4).map((response) => echoIn(response).body)).toEqual([
        'first',
        'second',
        '',
        'forth',
      ]),
  },
  {
    name: 'responds to the requests before a rejected one, and to none after it',
    rfc: '9.3.2',
    send: `${get('/echo/1')}${get('/echo/2')}GET /${MARK} HTTP/1.1\r\nHost: a b\r\n\r\n${get('/echo/4')}`,
    statuses: [200, 200, 400],
    connection: 'closed',
  },
  {
    name: 'continues after a rejected path',
    rfc: '9.3',
    send: get('/echo/1') + get('/echo/..') + get('/echo/3'),
    statuses: [200, 400, 200],
    connection: 'open',
  },
  {
    name: 'responds to nothing after a request with Connection: close',
    rfc: '9.6',
    send: get('/echo/1') + get('/echo/2', 'Connection: close\r\n') + get('/echo/3'),
    statuses: [200, 200],
    connection: 'closed',
    check: (responses) => expect(responses[1]?.headers.get('connection')).toBe('close'),
  },
  {
    name: 'reads close among other options, case-insensitively',
    rfc: '9.6',
    send: get('/echo', 'Connection: x-a, CLOSE\r\n'),
    statuses: [200],
    connection: 'closed',
  },
  {
    name: 'closes behind HTTP/1.0',
    rfc: '9.3',
    send: 'GET /echo HTTP/1.0\r\nHost: a\r\n\r\n',
    statuses: [200],
    connection: 'closed',
    check: ([response]) => expect(response?.headers.get('transfer-encoding')).toBeUndefined(),
  },
  {
    name: 'keeps HTTP/1.0 open on request, and confirms it',
    rfc: '9.3',
    send: 'GET /echo HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
    statuses: [200],
    connection: 'open',
    check: ([response]) => expect(response?.headers.get('connection')).toBe('keep-alive'),
  },
  {
    name: 'responds to HEAD with the length and without a body',
    rfc: '9110 9.3.2',
    send: 'HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n',
    methods: ['HEAD'],
    statuses: [200],
    connection: 'open',
    check: ([response]) => expect(response?.body).toBe(''),
  },
  {
    name: 'rejects HEAD without a response body',
    rfc: '9110 9.3.2',
    send: 'HEAD /echo/.. HTTP/1.1\r\nHost: a\r\n\r\n',
    methods: ['HEAD'],
    statuses: [400],
    connection: 'open',
  },
  {
    name: 'sends 204 without a body or a length',
    rfc: '6.3, 9110 8.6',
    send: get('/echo-nothing'),
    statuses: [204],
    connection: 'open',
    check: ([response]) => {
      expect(response?.headers.get('content-length')).toBeUndefined();
      expect(response?.headers.get('transfer-encoding')).toBeUndefined();
    },
  },
  {
    name: 'sends 304 without a body',
    rfc: '6.3',
    send: get('/echo-known'),
    statuses: [304],
    connection: 'open',
    check: ([response]) => expect(response?.headers.get('etag')).toBe('"known"'),
  },
  {
    name: 'reads a body that is sent without waiting for 100',
    rfc: '9110 10.1.1',
    send: post('Content-Length: 5\r\nExpect: 100-continue\r\n', 'hello'),
    statuses: [200],
    connection: 'open',
    check: ([response]) => expect(echoIn(response).header('expect')).toEqual([]),
  },
  {
    name: 'sends no interim response to HTTP/1.0',
    rfc: '9110 10.1.1',
    send: 'POST /echo HTTP/1.0\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello',
    statuses: [200],
    connection: 'closed',
  },
  rejected(417, '9110 10.1.1', 'rejects an unknown expectation', get('/echo', `Expect: ${MARK}\r\n`)),
  rejected(417, '9110 10.1.1', 'rejects 100-continue in a list', get('/echo', 'Expect: 100-continue, x\r\n')),
  rejected(
    400,
    '9110 10.1.1',
    'rejects two expectations',
    get('/echo', 'Expect: 100-continue\r\nExpect: 100-continue\r\n'),
  ),
  {
    name: 'does not open a WebSocket for a request with a body',
    rfc: '7.8',
    send: `${get('/echo', `${HANDSHAKE}Content-Length: 5\r\n`)}hello`,
    statuses: [200],
    connection: 'open',
    check: ([response]) => expect(echoIn(response).header('upgrade')).toEqual([]),
  },
  {
    name: 'does not open a WebSocket for HTTP/1.0',
    rfc: '7.8',
    send: `GET /echo HTTP/1.0\r\nHost: a\r\n${HANDSHAKE}\r\n`,
    statuses: [200],
    connection: 'closed',
    check: ([response]) => expect(echoIn(response).header('upgrade')).toEqual([]),
  },
];
