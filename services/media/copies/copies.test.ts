import { afterAll, beforeAll, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { outbox } from '#kit/messaging/tables';
import { startMedia } from '../../../tests/support/media';
import { MARK, type Planted, plantedPictures } from '../../../tests/support/planted-pictures';
import { plantedRecordings } from '../../../tests/support/planted-recordings';
import { mediaBlobs, mediaVersions } from '../schema';
import { requestCopies } from './service';

const service = await startMedia();
afterAll(service.close);
const [ada, stranger, operator] = await Promise.all([
  service.newPerson(),
  service.newPerson(),
  service.newPerson(['files:manage']),
]);
const files = [...(await plantedPictures()), ...plantedRecordings()];
const pdf = { name: 'a.pdf', type: 'application/pdf', bytes: Buffer.from(`%PDF-1.7\n${MARK}`) };

const get = (path: string, authorization?: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${service.url}${path}`, {
    method,
    headers: { ...(authorization && { authorization }), ...headers },
  });
const local = (url: string) => url.replace('http://rookery.test', '');
const textOf = async (response: Response) => Buffer.from(await response.arrayBuffer()).toString('latin1');
const hash = (bytes: Uint8Array) => new Bun.CryptoHasher('sha256').update(bytes).digest('hex');

async function uploaded(file: Planted, options: { path?: string; visibility?: string } = {}) {
  const response = await service.upload(ada, file.bytes, {
    name: file.name,
    fields: options.path === undefined ? { visibility: options.visibility ?? 'public' } : {},
    ...(options.path !== undefined && { path: options.path }),
  });
  const body = await response.json();
  if (response.status !== 201) throw new Error(`${file.name}: ${body.code}`);
  return body;
}

const ids = new Map<Planted, string>();
beforeAll(async () => {
  for (const file of files) {
    const { id } = await uploaded(file);
    // What is not copied yet is shown to nobody else.
    for (const who of [undefined, stranger, operator])
      expect([file.name, (await get(`/files/${id}/content`, who)).status]).toEqual([file.name, 409]);
    ids.set(file, id);
  }
  expect(await service.process(...ids.values())).toEqual([]);
}, 60_000);

/** All that others can ask for of a file, with every header that changes the answer. */
async function pathsOf(id: string): Promise<[path: string, headers: Record<string, string>][]> {
  const file = await (await get(`/files/${id}`)).json();
  const { url } = await (await get(`/files/${id}/url`)).json();
  const path = `/files/${id}/content`;
  const plain = [`/files/${id}`, '/files?limit=100', path, `${path}?download=true`, `${path}?version=1`];
  const sizes = file.sizes.flatMap((size: { name: string; url: string }) => [
    `${path}/${size.name}`,
    local(size.url),
  ]);
  const ranged = [
    { range: 'bytes=0-' },
    { range: 'bytes=10-' },
    { range: 'bytes=-5000' },
    { 'if-none-match': '"x"' },
  ];
  return [
    ...[...plain, local(file.url), local(url), `${path}?v=${file.checksum}`].map(
      (each): [string, Record<string, string>] => [each, {}],
    ),
    ...sizes.flatMap((each: string) => [
      [each, { accept: 'image/webp' }],
      [each, { accept: '*/*' }],
    ]),
    ...ranged.map((headers): [string, Record<string, string>] => [path, headers as Record<string, string>]),
  ];
}

test.each(files.map((file) => [file.name, file] as const))(
  '%s is shown to others without its metadata, whatever they ask for',
  async (_, file) => {
    const id = ids.get(file) ?? '';
    const asked = await pathsOf(id);
    expect(asked.length).toBeGreaterThan(10);
    for (const who of [undefined, stranger, operator])
      for (const [path, headers] of asked) {
        const response = await get(path, who, headers);
        expect([path, response.ok]).toEqual([path, true]);
        expect([path, (await textOf(response)).includes(MARK)]).toEqual([path, false]);
      }
  },
);

test('what others are told about a file is about what they get; its owner is told about the original', async () => {
  const [file] = files;
  if (file === undefined) throw new Error('no file');
  const id = ids.get(file) ?? '';
  const [seen, own] = await Promise.all(
    [stranger, ada].map(async (who) => (await get(`/files/${id}`, who)).json()),
  );
  expect([own.size, own.checksum]).toEqual([file.bytes.length, hash(file.bytes)]);
  const content = Buffer.from(await (await get(`/files/${id}/content`)).arrayBuffer());
  expect([seen.size, seen.checksum]).toEqual([content.length, hash(content)]);
  // One URL, one content, for everybody.
  expect(seen.url).toBe(own.url);
  const immutable = await get(local(seen.url), ada);
  expect(immutable.headers.get('cache-control')).toBe('public, max-age=31536000, immutable, s-maxage=60');
  expect(immutable.headers.get('etag')).toBe(`"${seen.checksum}"`);
  expect(await textOf(immutable)).not.toContain(MARK);
});

test('the original is for its owner, who asks for it, and for no cache', async () => {
  for (const file of files) {
    const path = `/files/${ids.get(file)}/content`;
    const original = await get(`${path}?original=true`, ada);
    expect(hash(new Uint8Array(await original.arrayBuffer()))).toBe(hash(file.bytes));
    expect(original.headers.get('cache-control')).toBe('private, no-cache');
    const etag = original.headers.get('etag') ?? '';
    expect(etag).not.toBe((await get(path, ada)).headers.get('etag'));
    // Whoever knows its checksum gets no confirmation, and none of its ranges.
    const guessed = { 'if-none-match': etag, range: 'bytes=0-', 'if-range': etag };
    expect((await get(path, stranger, guessed)).status).toBe(200);
    for (const [who, version] of [
      [undefined, ''],
      [stranger, ''],
      [operator, '&version=1'],
      [stranger, '&v=12345678'],
    ] as const) {
      const refused = await get(`${path}?original=true${version}`, who);
      expect([refused.status, (await refused.json()).code]).toEqual([403, 'file.owner-only']);
    }
  }
});

test('HEAD tells the same', async () => {
  const [file] = files;
  const path = `/files/${file && ids.get(file)}/content`;
  const [head, got] = await Promise.all([get(path, stranger, {}, 'HEAD'), get(path, stranger)]);
  for (const name of ['etag', 'content-length', 'content-type'])
    expect(head.headers.get(name)).toBe(got.headers.get(name));
});

test('a signed URL and an earlier version give others no metadata either', async () => {
  const [one, two] = files;
  if (one === undefined || two === undefined) throw new Error('no files');
  const { id } = await uploaded(one, { visibility: 'private' });
  await service.process(id);
  const newer = { ...two, bytes: two.bytes };
  await uploaded(newer, { path: `/files/${id}/versions` });
  await service.process(id);
  const { url } = await (await get(`/files/${id}/url`, ada)).json();
  const { items } = await (await get(`/files/${id}/versions`, ada)).json();
  expect(items).toHaveLength(2);
  for (const each of [url, ...items.map((item: { url: string }) => item.url)])
    for (const who of [undefined, stranger]) {
      const response = await get(local(each), who);
      expect(response.status).toBe(200);
      expect(await textOf(response)).not.toContain(MARK);
      expect((await get(`${local(each)}&original=true`, who)).status).toBe(403);
    }
  const first = await get(`/files/${id}/content?version=1&original=true`, ada);
  expect(hash(new Uint8Array(await first.arrayBuffer()))).toBe(hash(one.bytes));
});

test('an avatar has no metadata', async () => {
  const [file] = files;
  if (file === undefined) throw new Error('no file');
  const { id } = await uploaded(file, { path: '/files/upload/avatar' });
  await service.process(id);
  for (const [path, headers] of await pathsOf(id))
    expect([path, (await textOf(await get(path, stranger, headers))).includes(MARK)]).toEqual([path, false]);
});

test('documents are shared as they are', async () => {
  const { id, status } = await uploaded(pdf);
  expect(status).toBe('ready');
  for (const who of [undefined, stranger, operator, ada]) {
    const content = await get(`/files/${id}/content`, who);
    expect([content.status, content.headers.get('cache-control')]).toEqual([200, 'public, no-cache']);
    expect(hash(new Uint8Array(await content.arrayBuffer()))).toBe(hash(pdf.bytes));
  }
});

test('files from before are copied afterwards; meanwhile others see sizes only', async () => {
  const [file] = files;
  const id = (file && ids.get(file)) ?? '';
  const others = { copyStatus: 'refused', copyRequestedAt: null } as const;
  await service.database.update(mediaVersions).set(others).where(eq(mediaVersions.copyStatus, 'pending'));
  const [version] = await service.database.select().from(mediaVersions).where(eq(mediaVersions.mediaId, id));
  await service.database
    .update(mediaVersions)
    .set({ copyStatus: 'pending', copySha256: null, copySize: null })
    .where(eq(mediaVersions.mediaId, id));
  await service.database
    .update(mediaBlobs)
    .set({ referenceCount: 0 })
    .where(eq(mediaBlobs.sha256, version?.copySha256 ?? ''));
  const before = await get(`/files/${id}/content`, stranger);
  expect([before.status, before.headers.get('cache-control')]).toEqual([200, 'private, no-cache']);
  expect(await textOf(before)).not.toContain(MARK);

  await service.database.delete(outbox);
  const asked = await Promise.all([requestCopies(service.deps), requestCopies(service.deps)]);
  expect(asked.toSorted()).toEqual([0, 1]);
  // Asked for once, until the worker must have given up.
  expect(await requestCopies(service.deps)).toBe(0);
  await service.database
    .update(mediaVersions)
    .set({ copyRequestedAt: sql`utc_timestamp(3) - interval 7 hour` })
    .where(eq(mediaVersions.mediaId, id));
  expect(await requestCopies(service.deps)).toBe(1);
  expect(await service.process(id)).toEqual([]);
  const after = await get(`/files/${id}/content`, stranger);
  expect([after.headers.get('content-type'), after.headers.get('cache-control')]).toEqual([
    'image/jpeg',
    'public, no-cache',
  ]);
  expect(await textOf(after)).not.toContain(MARK);
});

test('copies are deleted with their files, and count towards no quota', async () => {
  const { database } = service;
  const kept = async () => (await database.select().from(mediaBlobs)).length;
  const before = await kept();
  const bytes = Buffer.concat([files[0]?.bytes ?? Buffer.alloc(0), Buffer.from('of its own')]);
  const { id } = await uploaded({ name: 'b.jpg', type: 'image/jpeg', bytes });
  await service.process(id);
  expect(await kept()).toBeGreaterThan(before);
  expect((await service.call('DELETE', `/files/${id}`, { authorization: ada })).status).toBe(204);
  expect(await kept()).toBe(before);
  await service.receive('user.deleted', {
    id: JSON.parse(atob(ada.split('.')[1] ?? '')).sub,
    deleted_at: new Date().toISOString(),
  });
  expect(await database.$count(mediaBlobs)).toBe(0);
  expect((await service.stored()).kept).toBe(0);
});
