import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { conditional, requireIfMatch, versioned } from './conditional';

const app = new Elysia()
  .use(conditional)
  .get('/document', ({ set }) => versioned(set, { version: 3, name: 'a name' }), { etag: true });

const read = (ifNoneMatch: string) =>
  app.handle(new Request('http://localhost/document', { headers: { 'if-none-match': ifNoneMatch } }));

test('a document carries its version as a strong tag, and is not sent to those who hold it', async () => {
  const first = await read('"2"');
  expect([first.status, first.headers.get('etag')]).toEqual([200, '"3"']);
  for (const known of ['"3"', 'W/"3"', '"2", "3"', '*']) {
    const again = await read(known);
    expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, '"3"', '']);
  }
});

test('a change is made without If-Match, and with one that names the present version', () => {
  for (const header of [undefined, '*', '"3"', '"2" , "3"'])
    expect(() => requireIfMatch(header, 3)).not.toThrow();
});

test('a change is refused with another version, a weak tag, or nonsense', () => {
  for (const header of ['"2"', '"33"', 'W/"3"', '3', '', 'nonsense'])
    expect(() => requireIfMatch(header, 3)).toThrow(expect.objectContaining({ status: 412 }));
});
