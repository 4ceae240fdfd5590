import { afterAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { startMedia } from '../../../tests/support/media';

const service = await startMedia();
afterAll(service.close);
const ada = await service.newPerson();

const send = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Uint8Array<ArrayBuffer>,
  authorization = ada,
) =>
  fetch(`${service.url}${path}`, {
    method,
    headers: { authorization, 'tus-resumable': '1.0.0', ...headers },
    ...(body && { body }),
  });
const metadata = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
    .join(',');
const create = (
  length: number,
  values: Record<string, string> = { filename: 'a.pdf' },
  authorization = ada,
) =>
  send(
    'POST',
    '/files/tus',
    { 'upload-length': String(length), 'upload-metadata': metadata(values) },
    undefined,
    authorization,
  );
const sendChunk = (path: string, offset: number, bytes: Uint8Array<ArrayBuffer>) =>
  send(
    'PATCH',
    path,
    { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' },
    bytes,
  );
const unfinished = async () => (await readdir(`${service.folder}/resumable`)).length;

describe('a resumable upload', () => {
  test('resumes at its offset after an interruption, and becomes a regular file', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(3_000_000)]);
    const created = await create(bytes.length, { filename: 'paper.pdf', file_tags: 'science,paper' });
    expect(created.status).toBe(201);
    const path = created.headers.get('location') ?? '';
    expect(path).toMatch(/^\/files\/tus\/[0-9a-f]{32}$/);
    expect((await sendChunk(path, 0, bytes.subarray(0, 1_000_000))).headers.get('upload-offset')).toBe(
      '1000000',
    );
    const wrong = await sendChunk(path, 5, bytes.subarray(5));
    expect([wrong.status, (await wrong.json()).code]).toEqual([409, 'upload.wrong-offset']);
    const resumed = await send('HEAD', path);
    expect([resumed.status, resumed.headers.get('upload-offset')]).toEqual([200, '1000000']);
    const last = await sendChunk(path, 1_000_000, bytes.subarray(1_000_000));
    expect(last.status).toBe(204);
    const { body } = await service.call('GET', last.headers.get('content-location') ?? '', {
      authorization: ada,
    });
    expect(body).toMatchObject({
      file_name: 'paper.pdf',
      type: 'application/pdf',
      size: bytes.length,
      status: 'ready',
      tags: ['paper', 'science'],
    });
    expect(await unfinished()).toBe(0);
  });

  test('is accessible to its creator only', async () => {
    const path = (await create(10)).headers.get('location') ?? '';
    const bob = await service.newPerson();
    for (const method of ['HEAD', 'DELETE'])
      expect([method, (await send(method, path, {}, undefined, bob)).status]).toEqual([method, 404]);
    expect((await create(10, {}, '')).status).toBe(401);
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('HEAD', path)).status).toBe(404);
    expect(await unfinished()).toBe(0);
  });

  test('that is too large, of a refused type or invalid in the protocol is refused and leaves nothing behind', async () => {
    const before = await service.stored();
    expect((await create(2 * 1024 ** 3)).status).toBe(413);
    expect((await create(service.deps.quotaBytes + 1)).status).toBe(413);
    expect((await create(10, { filename: 'a', visibility: 'everybody' })).status).toBe(422);
    expect((await send('POST', '/files/tus', { 'upload-length': '10', 'tus-resumable': '0.2' })).status).toBe(
      400,
    );
    const path = (await create(4, { filename: 'a.png' })).headers.get('location') ?? '';
    const refused = await sendChunk(path, 0, Buffer.from('<a/>'));
    expect([refused.status, (await refused.json()).code]).toEqual([415, 'file.type-not-allowed']);
    for (const id of ['..%2F..%2Fetc%2Fpasswd', 'x'])
      expect((await send('HEAD', `/files/tus/${id}`)).status).toBeOneOf([404, 422]);
    expect(await service.stored()).toEqual(before);
    expect(await unfinished()).toBe(0);
  });
});
