import { afterAll, describe, expect, test } from 'bun:test';
import sharp from 'sharp';
import { eventually } from '../../tests/support/eventually';
import { startMedia } from '../../tests/support/media';

const service = await startMedia();
afterAll(service.close);
const { upload } = service;

/** A picture that no other test uploads. */
let shade = 0;
const picture = (width = 40, height = 30, format: 'png' | 'jpeg' | 'webp' | 'gif' = 'png') => {
  shade++;
  const background = { r: shade % 256, g: (shade * 7) % 256, b: (shade >> 8) % 256 };
  return sharp({ create: { width, height, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
};
const answerOf = async (response: Response) => ({
  status: response.status,
  headers: response.headers,
  body: await response.json(),
});
const get = (path: string, authorization?: string, headers: Record<string, string> = {}) =>
  fetch(`${service.url}${path}`, { headers: { ...(authorization && { authorization }), ...headers } });
/** URLs in responses name the gateway. */
const local = (url: string) => url.replace('http://rookery.test', '');

describe('an upload', () => {
  test('returns the file and its location; its sizes follow after processing', async () => {
    const ada = await service.newPerson();
    const bytes = await picture(600, 300, 'jpeg');
    const { status, headers, body } = await answerOf(
      await upload(ada, bytes, {
        name: 'cliff.jpg',
        fields: { file_tags: 'sea, rocks', visibility: 'public' },
      }),
    );
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/files/${body.id}`);
    expect(body).toMatchObject({
      file_name: 'cliff.jpg',
      type: 'image/jpeg',
      size: bytes.length,
      checksum: new Bun.CryptoHasher('sha256').update(bytes).digest('hex'),
      status: 'processing',
      bucket_name: 'chat-bucket',
      tags: ['rocks', 'sea'],
      visibility: 'public',
      sizes: [],
      version: 1,
    });
    expect(await service.process(body.id)).toEqual([]);
    const ready = await (await get(`/files/${body.id}`)).json();
    expect(ready).toMatchObject({ status: 'ready', width: 600, height: 300, frames: 1 });
    expect(ready.dominant_color).toMatch(/^#[0-9a-f]{6}$/);
    expect(ready.sizes.map((size: { name: string; width: number }) => [size.name, size.width])).toEqual([
      ['thumb', 200],
      ['small', 480],
      ['medium', 600],
      ['large', 600],
    ]);
    const content = await get(local(ready.url));
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
    const thumb = await get(local(ready.sizes[0].url), undefined, { accept: 'image/webp,*/*' });
    expect(thumb.headers.get('content-type')).toBe('image/webp');
    expect(thumb.headers.get('vary')).toBe('accept');
    expect(thumb.headers.get('cache-control')).toBe('public, max-age=31536000, immutable, s-maxage=60');
    expect((await sharp(await thumb.arrayBuffer()).metadata()).width).toBe(200);
    const plain = await get(local(ready.sizes[0].url), undefined, { accept: '*/*' });
    expect(plain.headers.get('content-type')).toBe('image/jpeg');
  });

  test('is refused without authentication, and when the body is not a form or holds no file', async () => {
    const ada = await service.newPerson();
    const before = await service.stored();
    expect((await upload('', await picture())).status).toBe(401);
    const post = (type: string, body: string, headers: Record<string, string> = {}) =>
      fetch(`${service.url}/files/upload`, {
        method: 'POST',
        headers: { authorization: ada, 'content-type': type, ...headers },
        body,
      });
    expect((await post('application/json', '{}')).status).toBe(415);
    expect((await post('multipart/form-data', 'x')).status).toBe(415);
    expect((await post('multipart/form-data; boundary=x', 'nothing of the kind')).status).toBe(400);
    const part = '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n';
    const coded = await post('multipart/form-data; boundary=x', part, { 'content-encoding': 'gzip' });
    expect([coded.status, coded.headers.get('accept-encoding')]).toEqual([415, 'identity']);
    expect((await post('multipart/form-data; boundary=x', `${part}--x--\r\n`)).status).toBe(422);
    const cut = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\nGIF89a';
    expect((await post('multipart/form-data; boundary=x', cut)).status).toBe(400);
    expect(await service.stored()).toEqual(before);
  });

  test('that is too large gets 413 and leaves nothing behind', async () => {
    const ada = await service.newPerson();
    const before = await service.stored();
    const bytes = new Uint8Array(5 * 1024 * 1024 + 1);
    bytes.set(await picture());
    const path = '/files/upload/avatar';
    expect((await answerOf(await upload(ada, bytes, { path }))).body.code).toBe('request.too-large');
    expect(await service.stored()).toEqual(before);
  });

  test('whose client disconnects leaves nothing behind', async () => {
    const ada = await service.newPerson();
    const before = await service.stored();
    const head = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n';
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port: Number(new URL(service.url).port),
      socket: { data() {} },
    });
    socket.write(
      `POST /files/upload HTTP/1.1\r\nhost: x\r\nauthorization: ${ada}\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 9000000\r\n\r\n${head}`,
    );
    socket.write(Buffer.alloc(500_000, 1));
    await eventually(async () => (await service.stored()).incoming > before.incoming);
    socket.terminate();
    await eventually(async () => (await service.stored()).incoming === before.incoming);
    expect(await service.stored()).toEqual(before);
  });

  test('repeated with the same idempotency key creates one file; with other content it is refused', async () => {
    const ada = await service.newPerson();
    const bytes = await picture();
    const headers = { 'idempotency-key': 'key-1' };
    const answers = await Promise.all(
      [1, 2, 3].map(async () => answerOf(await upload(ada, bytes, { headers }))),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await answerOf(await upload(ada, await picture(), { headers }))).status).toBe(422);
    expect((await answerOf(await get('/files?owner=me', ada))).body.items).toHaveLength(1);
  });

  test('beyond the quota is refused; deleting a file frees quota', async () => {
    const ada = await service.newPerson();
    const before = await service.stored();
    const { quotaBytes } = service.deps;
    const bytes = await picture();
    Object.assign(service.deps, { quotaBytes: bytes.length + 10 });
    const first = await answerOf(await upload(ada, bytes));
    const refused = await answerOf(await upload(ada, bytes));
    expect([refused.status, refused.body.code]).toEqual([413, 'file.quota-exceeded']);
    await service.call('DELETE', `/files/${first.body.id}`, { authorization: ada });
    const again = await answerOf(await upload(ada, bytes));
    expect(again.status).toBe(201);
    await service.call('DELETE', `/files/${again.body.id}`, { authorization: ada });
    Object.assign(service.deps, { quotaBytes });
    expect(await service.stored()).toEqual(before);
  });

  test.each([
    ['../../etc/passwd.png', 'passwd.png'],
    ['..\\..\\windows\\a.png', 'a.png'],
    ['a\u202egnp.exe.png', 'agnp.exe.png'],
    ['..', 'file'],
    ['日本語.png', '日本語.png'],
  ])('named %p is stored as %p', async (name, expected) => {
    const { body } = await answerOf(await upload(await service.newPerson(), await picture(), { name }));
    expect(body.file_name).toBe(expected);
  });
});

describe('identical content', () => {
  test('is stored once, and deleted with the last file that references it', async () => {
    const [ada, bob] = [await service.newPerson(), await service.newPerson()];
    const before = await service.stored();
    const bytes = await picture();
    const ids = await Promise.all(
      [ada, bob, ada, bob].map(async (who) => (await answerOf(await upload(who, bytes))).body.id),
    );
    expect(new Set(ids).size).toBe(4);
    expect((await service.stored()).kept).toBe(before.kept + 1);
    await service.process(...ids);
    for (const [index, id] of ids.entries()) {
      expect((await service.stored()).kept).toBeGreaterThan(before.kept);
      const who = index % 2 === 0 ? ada : bob;
      expect((await service.call('DELETE', `/files/${id}`, { authorization: who })).status).toBe(204);
    }
    expect(await service.stored()).toEqual(before);
  });

  test('uploaded and deleted concurrently remains for the files that still reference it', async () => {
    const bytes = await picture();
    const people = await Promise.all(Array.from({ length: 6 }, () => service.newPerson()));
    const rounds = people.map(async (who, index) => {
      for (let round = 0; round < 4; round++) {
        const { body } = await answerOf(await upload(who, bytes, { fields: { visibility: 'public' } }));
        if (index === 0 && round === 3) return body;
        await service.call('DELETE', `/files/${body.id}`, { authorization: who });
      }
      return undefined;
    });
    const [left] = (await Promise.all(rounds)).filter((body) => body !== undefined);
    await service.process(left.id);
    const content = await get(`/files/${left.id}/content`);
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
  });
});

describe('access control', () => {
  test('public files are readable by everybody; private ones by their owner and by holders of a signed URL', async () => {
    const [ada, bob] = [await service.newPerson(), await service.newPerson()];
    const operator = await service.newPerson(['files:manage']);
    const { body } = await answerOf(await upload(ada, await picture()));
    await service.process(body.id);
    const paths = [`/files/${body.id}`, `/files/${body.id}/content`, `/files/${body.id}/content/thumb`];
    for (const path of [...paths, `/files/${body.id}/url`]) {
      expect([path, (await get(path)).status]).toEqual([path, 404]);
      expect([path, (await get(path, bob)).status]).toEqual([path, 404]);
      expect([path, (await get(path, ada)).status]).toEqual([path, 200]);
      expect([path, (await get(path, operator)).status]).toEqual([path, 200]);
    }
    const { url, expires_at } = await (await get(`/files/${body.id}/url`, ada)).json();
    expect(Date.parse(expires_at) - Date.now()).toBeGreaterThan(14 * 60_000);
    expect((await get(local(url))).status).toBe(200);
    const other = (await answerOf(await upload(ada, await picture()))).body;
    await service.process(other.id);
    const { searchParams } = new URL(url);
    expect((await get(`/files/${other.id}/content?token=${searchParams.get('token')}`)).status).toBe(404);
    expect((await get(`${local(url)}x`)).status).toBe(404);
    await service.call('PATCH', `/files/${body.id}`, { authorization: ada, body: { visibility: 'public' } });
    for (const path of paths) expect((await get(path)).status).toBe(200);
  });

  test('files are changed and deleted by their owner and by holders of files:manage', async () => {
    const [ada, bob] = [await service.newPerson(), await service.newPerson()];
    const { body } = await answerOf(await upload(ada, await picture(), { fields: { visibility: 'public' } }));
    const path = `/files/${body.id}`;
    for (const [method, below, sent] of [
      ['DELETE', '', undefined],
      ['PUT', '/tags', { tags: [] }],
      ['PATCH', '', { visibility: 'private' }],
      ['POST', '/versions/1/restore', undefined],
      ['GET', '/versions', undefined],
    ] as const) {
      expect((await service.call(method, path + below, { body: sent })).status).toBe(401);
      expect((await service.call(method, path + below, { body: sent, authorization: bob })).status).toBe(403);
    }
    expect((await upload(bob, await picture(), { path: `${path}/versions` })).status).toBe(403);
    const operator = await service.newPerson(['files:manage']);
    expect((await service.call('DELETE', path, { authorization: operator })).status).toBe(204);
    expect((await get(path, ada)).status).toBe(404);
  });
});

describe('content', () => {
  test('is served with ranges and an ETag, and cannot run scripts', async () => {
    const bytes = await picture();
    const { body } = await answerOf(
      await upload(await service.newPerson(), bytes, { fields: { visibility: 'public' } }),
    );
    const path = `/files/${body.id}/content`;
    expect((await get(path)).status).toBe(409);
    await service.process(body.id);
    const whole = await get(path);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(bytes.length),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'accept-ranges': 'bytes',
      'cache-control': 'public, no-cache',
      etag: `"${body.checksum}"`,
    });
    expect(whole.headers.get('content-disposition')).toStartWith('inline; ');
    const disposition = (await get(`${path}?download=true`)).headers.get('content-disposition');
    expect(disposition).toStartWith('attachment; ');
    const tag = whole.headers.get('etag') ?? '';
    expect((await get(path, undefined, { 'if-none-match': `"x", ${tag}` })).status).toBe(304);
    const part = await get(path, undefined, { range: 'bytes=2-5' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 2-5/${bytes.length}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(2, 6))).toBe(true);
    const tail = await get(path, undefined, { range: 'bytes=-3', 'if-range': tag });
    expect(Buffer.from(await tail.arrayBuffer()).equals(bytes.subarray(-3))).toBe(true);
    const beyond = await get(path, undefined, { range: `bytes=${bytes.length}-` });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);
    for (const range of ['bytes=5-2', 'lines=1-2', 'bytes=1-2,4-5', 'bytes=a-'])
      expect((await get(path, undefined, { range })).status).toBe(200);
    expect((await get(path, undefined, { range: 'bytes=2-5', 'if-range': '"other"' })).status).toBe(200);
    expect((await get(`${path}/huge`)).status).toBe(422);
  });
});

describe('versions', () => {
  test('are all retained; the newest is current until another is restored', async () => {
    const ada = await service.newPerson();
    const [one, two] = [await picture(50, 50), await picture(60, 60)];
    const { body } = await answerOf(await upload(ada, one, { fields: { visibility: 'public' } }));
    await service.process(body.id);
    const path = `/files/${body.id}`;
    const second = await answerOf(await upload(ada, two, { path: `${path}/versions`, name: 'two.png' }));
    expect(second.body).toMatchObject({
      id: body.id,
      version: 2,
      file_name: 'two.png',
      status: 'processing',
    });
    await service.process(body.id);
    expect((await (await get(path)).json()).width).toBe(60);
    const { items } = (await answerOf(await get(`${path}/versions`, ada))).body;
    expect(items.map((item: { version: number; current: boolean }) => [item.version, item.current])).toEqual([
      [2, true],
      [1, false],
    ]);
    expect((await get(`${path}/content?version=1`)).status).toBe(404);
    const first = await get(local(items[1].url));
    expect(Buffer.from(await first.arrayBuffer()).equals(one)).toBe(true);
    const restored = await service.call('POST', `${path}/versions/1/restore`, { authorization: ada });
    expect(restored.body).toMatchObject({ version: 1, width: 50, status: 'ready' });
    expect((await service.call('POST', `${path}/versions/9/restore`, { authorization: ada })).status).toBe(
      404,
    );
    const third = await answerOf(await upload(ada, two, { path: `${path}/versions` }));
    expect(third.body.version).toBe(3);
  });
});

describe('lists', () => {
  test('are filtered by tag, category, owner and type, and paginated without gaps', async () => {
    const [ada, bob] = [await service.newPerson(), await service.newPerson()];
    const category = await service.call('POST', '/categories', {
      authorization: ada,
      body: { title: 'Holidays' },
    });
    const ids: string[] = [];
    for (const fields of [
      { file_tags: 'alps', category_id: String(category.body.id) },
      { file_tags: 'alps,lake' },
      { file_tags: 'lake' },
    ])
      ids.unshift((await answerOf(await upload(ada, await picture(), { fields }))).body.id);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
    ids.unshift((await answerOf(await upload(ada, svg, { name: 'a.svg' }))).body.id);
    const found = async (query: string, who = ada) => {
      const { body } = await answerOf(await get(`/files?owner=me&${query}`, who));
      return body.items.map((item: { id: string }) => ids.indexOf(item.id));
    };
    expect(await found('tag=alps')).toEqual([2, 3]);
    expect(await found('tag=lake&type=image/png')).toEqual([1, 2]);
    expect(await found(`category=${category.body.id}`)).toEqual([3]);
    expect(await found('type=image/svg%2Bxml')).toEqual([0]);
    expect(await found('type=image/*')).toEqual([0, 1, 2, 3]);
    expect(await found('', bob)).toEqual([]);
    const first = await answerOf(await get('/files?owner=me&limit=3', ada));
    expect(first.headers.get('link')).toContain('rel="next"');
    const next = await answerOf(await get(`/files?owner=me&limit=3&cursor=${first.body.next_cursor}`, ada));
    expect([...first.body.items, ...next.body.items].map((item: { id: string }) => item.id)).toEqual(ids);
    const tagged = await service.call('PUT', `/files/${ids[1]}/tags`, {
      authorization: ada,
      body: { tags: ['new'] },
    });
    expect(tagged.body.tags).toEqual(['new']);
    expect(await found('tag=lake')).toEqual([2]);
  });
});

describe('tags', () => {
  test('of other people that differ in an accent are others; case is ignored, and shown as typed', async () => {
    const [ada, bob] = [await service.newPerson(), await service.newPerson()];
    const tagged = async (who: string, tags: string[]) => {
      const { body } = await answerOf(await upload(who, await picture()));
      const { status, body: changed } = await service.call('PUT', `/files/${body.id}/tags`, {
        authorization: who,
        body: { tags },
      });
      return { status, tags: changed.tags };
    };
    const family = '👨‍👩‍👧‍👦'.repeat(20);
    expect((await tagged(ada, ['ano', 'sınır', 'Cats', family])).tags).toEqual(
      expect.arrayContaining(['ano', 'sınır', 'Cats', family]),
    );
    expect((await tagged(bob, ['año', 'sinir', 'CATS', 'cats ', 'an\u0303o'])).tags).toEqual([
      'año',
      'CATS',
      'sinir',
    ]);
    const found = async (tag: string, who: string) =>
      (await answerOf(await get(`/files?owner=me&tag=${encodeURIComponent(tag)}`, who))).body.items.length;
    expect([await found('ano', bob), await found('an\u0303o', bob), await found('cAtS', bob)]).toEqual([
      0, 1, 1,
    ]);
    for (const tag of ['\u3164', 'a\u0000', 'a,b', 'a'.repeat(65)])
      expect([tag, (await tagged(ada, [tag])).status]).toEqual([tag, 422]);
  });
});
