import { afterAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { eq, isNull } from 'drizzle-orm';
import { routeClaims } from '#kit/http/route-claims';
import { eventually } from '../../../tests/support/eventually';
import { startMedia } from '../../../tests/support/media';
import { deleteFilesOfUser } from '../files/service';
import { resumableParts, resumableUploads } from '../schema';
import { UploadStore } from './datastore';
import { resumableRoutes } from './routes';
import { openResumableUploads } from './service';

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
const unfinished = async () => {
  const rows = await service.database.select().from(resumableUploads).where(isNull(resumableUploads.fileId));
  return rows.length + (await service.database.select().from(resumableParts)).length;
};

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

  test('sent whole when it is created, or in one request of 20 MB, as clients do by default, is stored', async () => {
    const small = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(1_000)]);
    const headers = {
      'upload-length': String(small.length),
      'upload-metadata': metadata({ filename: 'a.pdf' }),
      'content-type': 'application/offset+octet-stream',
    };
    const whole = await send('POST', '/files/tus', headers, small);
    expect([whole.status, whole.headers.get('upload-offset')]).toEqual([201, String(small.length)]);
    expect(whole.headers.get('content-location')).toMatch(/^\/files\/[0-9a-f-]{36}$/);
    const large = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(20_000_000)]);
    const path = (await create(large.length)).headers.get('location') ?? '';
    expect((await sendChunk(path, 0, large)).status).toBe(204);
    const limits = await send('OPTIONS', '/files/tus');
    const app = resumableRoutes({
      runtime: service.runtime,
      tokens: service.deps.tokens,
      resumable: async () => new Response(),
    });
    const claim = routeClaims(app).find(({ method }) => method === 'PATCH');
    expect(claim?.body_bytes).toBe(Number(limits.headers.get('tus-max-size')));
  });

  test('that is finished remains readable, on every instance: its offset is its length, and it names its file', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(2_000)]);
    const path = (await create(bytes.length)).headers.get('location') ?? '';
    const last = await sendChunk(path, 0, bytes);
    const location = last.headers.get('content-location') ?? '';
    const other = openResumableUploads(service.deps, `${service.folder}/another-instance`);
    const caller = await service.tokens.verifier.verify(ada.replace('Bearer ', ''));
    const answers = [
      await send('HEAD', path),
      await other(
        new Request(`http://localhost${path}`, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } }),
        caller,
      ),
    ];
    for (const { status, headers } of answers)
      expect([
        status,
        headers.get('upload-offset'),
        headers.get('upload-length'),
        headers.get('content-location'),
      ]).toEqual([200, String(bytes.length), String(bytes.length), location]);
    const repeated = await sendChunk(path, bytes.length, Buffer.alloc(0));
    expect([repeated.status, repeated.headers.get('content-location')]).toEqual([204, location]);
    expect((await sendChunk(path, 0, bytes)).status).toBe(409);
    expect((await send('HEAD', path, {}, undefined, await service.newPerson())).status).toBe(404);
    const { body } = await service.call('GET', `/files?owner=me&limit=100`, { authorization: ada });
    const items = body.items as { id: string }[];
    expect(items.filter(({ id }) => location.endsWith(id))).toHaveLength(1);
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await service.call('GET', location, { authorization: ada })).status).toBe(200);
    expect(await unfinished()).toBe(0);
  });

  test('continues on another instance, with a folder of its own, also after a request that broke off', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(300_000)]);
    const path = (await create(bytes.length)).headers.get('location') ?? '';
    expect((await sendChunk(path, 0, bytes.subarray(0, 100_000))).status).toBe(204);
    const caller = await service.tokens.verifier.verify(ada.replace('Bearer ', ''));
    const other = openResumableUploads(service.deps, `${service.folder}/yet-another-instance`);
    const patch = (offset: number, body: Uint8Array<ArrayBuffer> | ReadableStream) => {
      const headers = {
        'tus-resumable': '1.0.0',
        'upload-offset': String(offset),
        'content-type': 'application/offset+octet-stream',
      };
      return other(new Request(`http://localhost${path}`, { method: 'PATCH', headers, body }), caller);
    };
    let pieces = 0;
    const broken = new ReadableStream({
      async pull(controller) {
        if (pieces++ < 2)
          controller.enqueue(bytes.subarray(50_000 + pieces * 50_000, 100_000 + pieces * 50_000));
        else {
          await Bun.sleep(50);
          controller.error(new Error('connection lost'));
        }
      },
    });
    await patch(100_000, broken).catch(() => undefined);
    const offsetOf = async () => Number((await send('HEAD', path)).headers.get('upload-offset'));
    await eventually(async () => (await offsetOf()) === 200_000);
    expect((await sendChunk(path, 100_000, bytes.subarray(100_000))).status).toBe(409);
    const last = await patch(200_000, bytes.subarray(200_000));
    const { body } = await service.call('GET', last.headers.get('content-location') ?? '', {
      authorization: ada,
    });
    expect(body).toMatchObject({
      size: bytes.length,
      checksum: new Bun.CryptoHasher('sha256').update(bytes).digest('hex'),
    });
    expect(await unfinished()).toBe(0);
  });

  test('of which two requests append the same part, on two instances, takes one', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(50_000)]);
    const path = (await create(bytes.length)).headers.get('location') ?? '';
    const caller = await service.tokens.verifier.verify(ada.replace('Bearer ', ''));
    const instances = ['a', 'b', 'c'].map((name) =>
      openResumableUploads(service.deps, `${service.folder}/${name}`),
    );
    const headers = {
      'tus-resumable': '1.0.0',
      'upload-offset': '0',
      'content-type': 'application/offset+octet-stream',
    };
    const statuses = await Promise.all(
      instances.map((handle) =>
        handle(
          new Request(`http://localhost${path}`, {
            method: 'PATCH',
            headers,
            body: bytes.subarray(0, 20_000),
          }),
          caller,
        )
          .then(({ status }) => status)
          .catch((problem: { status: number }) => problem.status),
      ),
    );
    expect(statuses.toSorted()).toEqual([204, 409, 409]);
    expect((await sendChunk(path, 20_000, bytes.subarray(20_000))).status).toBe(204);
    expect(await unfinished()).toBe(0);
  });

  test('expires a day after it was created, with its parts; an erased user leaves none', async () => {
    const before = await service.stored();
    const who = { id: Bun.randomUUIDv7(), username: 'eve' };
    const eve = await service.tokens.authorization(who);
    for (const end of ['expired', 'erased']) {
      const path = (await create(10_000, undefined, eve)).headers.get('location') ?? '';
      const headers = { 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
      expect((await send('PATCH', path, headers, randomBytes(5_000), eve)).status).toBe(204);
      expect((await service.stored()).kept).toBe(before.kept + 1);
      if (end === 'erased') await deleteFilesOfUser(service.deps, who.id);
      else {
        await service.database
          .update(resumableUploads)
          .set({ createdAt: new Date(Date.now() - 25 * 60 * 60_000) })
          .where(eq(resumableUploads.ownerId, who.id));
        await new UploadStore(service.deps, { maxBytes: 1, expiresMs: 24 * 60 * 60_000 }).deleteExpired();
      }
      expect((await send('HEAD', path, {}, undefined, eve)).status).toBe(404);
      expect(await service.stored()).toEqual(before);
      expect(await unfinished()).toBe(0);
    }
  });

  test('whose last chunk arrived, but could not be stored, is stored when its offset is asked for', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(2_000)]);
    const path = (await create(bytes.length)).headers.get('location') ?? '';
    const { receive } = service.storage;
    let received = 0;
    service.storage.receive = (...given) =>
      received++ === 0 ? receive(...given) : Promise.reject(new Error('the disk is full'));
    expect((await sendChunk(path, 0, bytes)).status).toBe(500);
    service.storage.receive = receive;
    const head = await send('HEAD', path);
    expect([head.status, head.headers.get('upload-offset')]).toEqual([200, String(bytes.length)]);
    const { body } = await service.call('GET', head.headers.get('content-location') ?? '', {
      authorization: ada,
    });
    expect(body).toMatchObject({ size: bytes.length, status: 'ready' });
  });

  test('counts towards the quota until it is terminated', async () => {
    const bob = await service.newPerson();
    const half = Math.floor(service.deps.quotaBytes / 2) + 1;
    const first = await create(half, undefined, bob);
    expect(first.status).toBe(201);
    const refused = await create(half, undefined, bob);
    expect([refused.status, (await refused.json()).code]).toEqual([413, 'file.quota-exceeded']);
    expect((await send('DELETE', first.headers.get('location') ?? '', {}, undefined, bob)).status).toBe(204);
    const { quotaBytes } = service.deps;
    const reserving = await create(2_000, undefined, bob);
    Object.assign(service.deps, { quotaBytes: 2_500 });
    const form = await service.upload(bob, Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(600)]), {
      name: 'a.pdf',
    });
    expect([form.status, (await form.json()).code]).toEqual([413, 'file.quota-exceeded']);
    Object.assign(service.deps, { quotaBytes });
    await send('DELETE', reserving.headers.get('location') ?? '', {}, undefined, bob);
    const again = await create(half, undefined, bob);
    expect(again.status).toBe(201);
    expect((await send('DELETE', again.headers.get('location') ?? '', {}, undefined, bob)).status).toBe(204);
  });

  test('of the version before continues, whose state was in a file', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(500)]);
    const folder = `${service.folder}/version-before`;
    const caller = await service.tokens.verifier.verify(ada.replace('Bearer ', ''));
    const id = randomBytes(16).toString('hex');
    const state = { id, size: bytes.length, offset: 0, metadata: { filename: 'a.pdf', owner_id: caller.id } };
    await Bun.write(`${folder}/${id}`, bytes.subarray(0, 100));
    await Bun.write(`${folder}/${id}.json`, JSON.stringify(state));
    const handle = openResumableUploads(service.deps, folder);
    const headers = {
      'tus-resumable': '1.0.0',
      'upload-offset': '100',
      'content-type': 'application/offset+octet-stream',
    };
    const request = { method: 'PATCH', headers, body: bytes.subarray(100) };
    const response = await handle(new Request(`http://localhost/files/tus/${id}`, request), caller);
    expect([response.status, response.headers.get('upload-offset')]).toEqual([204, String(bytes.length)]);
    expect(response.headers.get('content-location')).toStartWith('/files/');
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
    for (const bytes of [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0x61, 0xc3]]) {
      const names = `filename ${Buffer.from(bytes).toString('base64')}`;
      const badly = await send('POST', '/files/tus', { 'upload-length': '10', 'upload-metadata': names });
      expect([badly.status, (await badly.json()).code]).toEqual([400, 'upload.refused']);
    }
    const path = (await create(4, { filename: 'a.png' })).headers.get('location') ?? '';
    const refused = await sendChunk(path, 0, Buffer.from('<a/>'));
    expect([refused.status, (await refused.json()).code]).toEqual([415, 'file.type-not-allowed']);
    for (const id of ['..%2F..%2Fetc%2Fpasswd', 'x'])
      expect((await send('HEAD', `/files/tus/${id}`)).status).toBeOneOf([404, 422]);
    expect(await service.stored()).toEqual(before);
    expect(await unfinished()).toBe(0);
  });
});
