import { describe, expect, test } from 'bun:test';
import { Problem } from '#kit/errors/problem';
import { createMessageLimit, isAllowedOrigin, parseInbound, readSubprotocols } from './rules';

const TOKEN = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln-_';

describe('subprotocols', () => {
  test.each([
    ['rookery.chat, rookery.token.'.concat(TOKEN), 'rookery.chat', TOKEN],
    [`bearer, ${TOKEN}`, 'bearer', TOKEN],
    [`${TOKEN}, chat`, 'chat', TOKEN],
    ['chat', 'chat', null],
    [null, null, null],
    // A browser fails the handshake unless one is selected; then its own token is echoed.
    [`rookery.token.${TOKEN}`, `rookery.token.${TOKEN}`, TOKEN],
  ])('%p', (header, protocol, token) => {
    expect(readSubprotocols(header)).toEqual({ protocol, token });
  });
});

describe('allowed origins', () => {
  const rule = { allowed: ['https://app.example.com'], loopback: false };
  const allowed = (headers: Record<string, string>, loopback = false) =>
    isAllowedOrigin({ ...rule, loopback }, new Headers(headers));

  test('are the listed ones and the same host, also behind the gateway', () => {
    expect(allowed({ origin: 'https://app.example.com', host: 'chat' })).toBe(true);
    expect(allowed({ origin: 'https://chat.example.com', host: 'chat.example.com' })).toBe(true);
    expect(
      allowed({
        origin: 'https://rookery.example',
        host: '10.0.0.1:5800',
        'x-forwarded-host': 'rookery.example',
      }),
    ).toBe(true);
  });

  test.each([
    ['https://chat.example.com', 'chat.example.com:443'],
    ['https://chat.example.com', 'Chat.Example.com.'],
    ['http://chat.example.com', 'chat.example.com:80'],
    ['https://chat.example.com:8443', 'CHAT.example.com:8443'],
  ])('compare %s with the host %s as authorities', (origin, host) => {
    expect(allowed({ origin, host })).toBe(true);
    expect(allowed({ origin, host: 'chat', 'x-forwarded-host': host })).toBe(true);
  });

  test('are listed in any spelling', () => {
    const listed = { allowed: ['https://App.Example.com:443'], loopback: false };
    expect(isAllowedOrigin(listed, new Headers({ origin: 'https://app.example.com' }))).toBe(true);
  });

  test('are no others; clients without an origin are allowed', () => {
    expect(allowed({ host: 'chat' })).toBe(true);
    for (const origin of [
      'https://evil.example',
      'null',
      'https://app.example.com.evil.example',
      'http://app.example.com',
    ])
      expect(allowed({ origin, host: 'chat' })).toBe(false);
  });

  test('include loopback only outside of production', () => {
    expect(allowed({ origin: 'http://localhost:3000', host: 'chat' }, true)).toBe(true);
    expect(allowed({ origin: 'http://localhost:3000', host: 'chat' })).toBe(false);
  });
});

test.each([
  ['not JSON', '{'],
  ['no message', '{"text":"hi"}'],
  ['an empty message', '{"message":""}'],
  ['a number', '{"message":1}'],
  ['a long client id', JSON.stringify({ message: 'a', client_id: 'a'.repeat(65) })],
  ['null', 'null'],
  ['an unknown type', '{"type":"shout","message":"a"}'],
  ['a script as avatar', '{"message":"a","avatar":"javascript:alert(1)"}'],
  ['data as avatar', '{"message":"a","avatar":"data:image/svg+xml,<svg/>"}'],
  ['a member that nothing reads', '{"message":"a","mesage":"b"}'],
  ['a member twice', '{"message":"a","message":"b"}'],
  ['half of a character', '{"message":"a\\ud83d"}'],
  ['half of a character in a name', '{"message":"a","\\udc00":1}'],
  ...['\u3164', ' \u00a0', '\u200b\ufeff', '\u2800', '\u{1d159}', '\ufe0f'].map(
    (message) => ['a message that shows nothing', JSON.stringify({ message })] as const,
  ),
  ['a blank avatar', '{"message":"a","avatar":" "}'],
  ['an avatar with credentials', '{"message":"a","avatar":"https://user:password@a.example/1.png"}'],
])('a frame with %s is refused', (_what, text) => {
  expect(() => parseInbound(text)).toThrow(Problem);
});

test('frames with null in optional fields, as the first chat sent them, are accepted', () => {
  expect(parseInbound('{"message":"a","phone_number":null,"avatar":null}')).toBeDefined();
  expect(
    parseInbound('{"message":"a","phone_number":"+34600000000","avatar":"https://a.example/1.png"}'),
  ).toBeDefined();
});

test('the token bucket allows the rate on average, and bursts of twice that', () => {
  let nowMs = 0;
  const allow = createMessageLimit(10, () => nowMs);
  const taken = (times: number) => Array.from({ length: times }, allow).filter(Boolean).length;
  expect(taken(50)).toBe(20);
  nowMs = 500;
  expect(taken(50)).toBe(5);
  nowMs = 60_000;
  expect(taken(50)).toBe(20);
});
