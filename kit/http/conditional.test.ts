import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { conditional, requireIfMatch, versioned } from './conditional';

const app = new Elysia()
  .use(conditional)
  .get('/document', ({ set }) => versioned(set, { version: 3, name: 'a name' }), { etag: true });

const read = (ifNoneMatch: string) =>
  app.handle(new Request('http://localhost/document', { headers: { 'if-none-match': ifNoneMatch } }));

test('a document carries its version as a strong ETag, and is 304 for clients that have it', async () => {
  const first = await read('"2"');
  expect([first.status, first.headers.get('etag')]).toEqual([200, '"3"']);
  for (const known of ['"3"', 'W/"3"', '"2", "3"', '*']) {
    const again = await read(known);
    expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, '"3"', '']);
  }
});

test('a change is accepted without If-Match, and with the current version', () => {
  for (const header of [undefined, '*', '"3"', '"2" , "3"'])
    expect(() => requireIfMatch(header, 3)).not.toThrow();
});

test('a change is rejected with another version, a weak ETag, or a malformed header', () => {
  for (const header of ['"2"', '"33"', 'W/"3"', '3', '', 'malformed'])
    expect(() => requireIfMatch(header, 3)).toThrow(expect.objectContaining({ status: 412 }));
});
