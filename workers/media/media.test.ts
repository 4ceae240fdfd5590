import { afterAll, describe, expect, test } from 'bun:test';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { deleteOrphans } from '../../services/media/blobs/store';
import { startMedia } from '../../tests/support/media';
import { renderInProcess } from './rendering';

const service = await startMedia();
afterAll(service.close);
const ada = await service.newPerson();

const file = async (id: string) =>
  (await fetch(`${service.url}/files/${id}`, { headers: { authorization: ada } })).json();
const content = (path: string, accept = '*/*') =>
  fetch(`${service.url}${path}`, { headers: { authorization: ada, accept } });

async function uploaded(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<string> {
  const response = await service.upload(ada, bytes, { name });
  const body = await response.json();
  if (response.status !== 201) throw new Error(body.code);
  return body.id;
}

/** The outcome of an upload: its problem code, or the status or code after processing. */
async function becomes(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<string> {
  const id = await uploaded(bytes, name).catch((failure: Error) => failure);
  if (id instanceof Error) return id.message;
  await service.process(id);
  const { status, code } = await file(id);
  return code ?? status;
}

const pngChunk = (name: string, data: Buffer) => {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
};

/** A PNG whose header declares any size. */
function png(width: number, height: number, ...more: Buffer[]): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const pixels = more.length > 0 ? more : [pngChunk('IDAT', deflateSync(Buffer.alloc(1_000_000)))];
  return Buffer.concat([signature, pngChunk('IHDR', header), ...pixels, pngChunk('IEND', Buffer.alloc(0))]);
}

/** A GIF of any size with any number of frames of one pixel. */
function gif(width: number, height: number, frames: number): Buffer<ArrayBuffer> {
  const screen = Buffer.from([0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
  screen.writeUInt16LE(width, 0);
  screen.writeUInt16LE(height, 2);
  const frame = [0x21, 0xf9, 4, 0, 1, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
  const all = Array.from({ length: frames }, () => Buffer.from(frame));
  return Buffer.concat([Buffer.from('GIF89a'), screen, ...all, Buffer.from([0x3b])]);
}

const noise = (width: number, height: number) =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#888',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  });

const LOCATION = 'GPS of the home';
const withLocation = (width: number, height: number, orientation = 1) =>
  noise(width, height)
    .jpeg()
    .withExif({
      IFD0: { Copyright: LOCATION, ImageDescription: LOCATION },
      IFD3: { GPSLatitude: '51/1 30/1 0/1', GPSLatitudeRef: 'N' },
    })
    .withMetadata({ orientation })
    .toBuffer();

describe('a picture', () => {
  test.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)(
    'as %s is rendered in all sizes and two formats',
    async (format) => {
      const bytes = await noise(500, 250).toFormat(format).toBuffer();
      const id = await uploaded(bytes, `a.${format}`);
      expect(await service.process(id)).toEqual([]);
      expect(await file(id)).toMatchObject({
        status: 'ready',
        width: 500,
        height: 250,
        type: `image/${format}`,
      });
      for (const [size, width] of [
        ['thumb', 200],
        ['small', 480],
        ['medium', 500],
        ['large', 500],
      ] as const) {
        const webp = await content(`/files/${id}/content/${size}`, 'image/avif,image/webp');
        expect(webp.headers.get('content-type')).toBe('image/webp');
        expect(await sharp(await webp.arrayBuffer()).metadata()).toMatchObject({ format: 'webp', width });
        const plain = await content(`/files/${id}/content/${size}`);
        const fallback = { jpeg: 'jpeg', png: 'png', webp: 'png', gif: 'gif', avif: 'jpeg' } as const;
        expect(plain.headers.get('content-type')).toBe(`image/${fallback[format]}`);
        expect(await sharp(await plain.arrayBuffer()).metadata()).toMatchObject({
          format: fallback[format],
          width,
        });
      }
    },
  );

  test.each(['jpeg', 'png', 'gif'] as const)('as %s without the last bytes is shown', async (format) => {
    const whole = await noise(300, 300).toFormat(format).toBuffer();
    for (const missing of [1, 2, 20]) {
      const cut = Buffer.from(whole.subarray(0, whole.length - missing));
      expect([missing, await becomes(cut, `tail.${format}`)]).toEqual([missing, 'ready']);
    }
  });

  test('as JPEG without its end marker is shown, also where its lower half has one color', async () => {
    const half = await noise(300, 150).jpeg().toBuffer();
    const bytes = await sharp(half).extend({ bottom: 150, background: '#fff' }).jpeg().toBuffer();
    expect(await becomes(Buffer.from(bytes.subarray(0, -2)), 'scan.jpg')).toBe('ready');
  });

  test('as AVIF with the generic brand is rendered', async () => {
    const bytes = await noise(80, 80).avif().toBuffer();
    bytes.write('mif1', 8, 'latin1');
    expect(await becomes(Buffer.from(bytes), 'a.avif')).toBe('ready');
    expect(bytes.toString('latin1', 16, 40)).toContain('avif');
  });

  test.each(['Screenshot 2026-05-01 at 10.20.30', 'Dr. No', 'v1.2', 'a.b.c', 'IMG_1.JPEG.png'])(
    'named %p is accepted',
    async (name) => {
      expect(await becomes(Buffer.from(await noise(20, 20).png().toBuffer()), name)).toBe('ready');
    },
  );

  const box = (brand: string, ...compatible: string[]) => {
    const bytes = Buffer.alloc(16 + compatible.length * 4 + 40);
    bytes.writeUInt32BE(16 + compatible.length * 4, 0);
    bytes.write(`ftyp${brand}\0\0\0\0${compatible.join('')}`, 4, 'latin1');
    return bytes;
  };
  test.each([
    ['IMG_0001.HEIC', '', box('heic', 'mif1', 'heic'), 'image/heic'],
    ['IMG_0001.heif', 'image/heif', box('mif1', 'mif1', 'heic'), 'image/heic'],
    ['IMG_0002.MOV', 'video/quicktime', box('qt  ', 'qt  '), 'video/quicktime'],
    ['IMG_0003.mov', 'video/quicktime', box('isom', 'isom', 'mp42'), 'video/mp4'],
  ])('of a phone, named %p, is stored and served as an attachment', async (name, type, bytes, detected) => {
    const response = await service.upload(ada, Buffer.from(bytes), { name, type });
    const { id } = await response.json();
    expect(response.status).toBe(201);
    expect(await service.process(id)).toEqual([]);
    expect(await file(id)).toMatchObject({ status: 'ready', type: detected, sizes: [], file_name: name });
    const served = await content(`/files/${id}/content`);
    expect(served.headers.get('content-disposition')).toStartWith('attachment; ');
  });

  test('is rotated upright, and its sizes hold no location', async () => {
    const bytes = await withLocation(400, 200, 6);
    expect(bytes.toString('latin1')).toContain(LOCATION);
    expect((await sharp(bytes).metadata()).exif).toBeDefined();
    const id = await uploaded(bytes, 'home.jpg');
    await service.process(id);
    expect(await file(id)).toMatchObject({ width: 200, height: 400 });
    for (const size of ['thumb', 'small', 'medium', 'large'])
      for (const accept of ['image/webp', '*/*']) {
        const made = Buffer.from(await (await content(`/files/${id}/content/${size}`, accept)).arrayBuffer());
        const { exif, xmp, iptc, icc, orientation, width = 0, height = 0 } = await sharp(made).metadata();
        expect([exif, xmp, iptc, icc, orientation]).toEqual([
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
        ]);
        expect(made.toString('latin1')).not.toContain('GPS of');
        expect(height).toBeGreaterThan(width);
      }
  });

  test('with appended code is served as a picture, and its sizes are free of it', async () => {
    const payload = '<script>alert(1)</script>';
    const bytes = Buffer.concat([await noise(50, 50).jpeg().toBuffer(), Buffer.from(payload), png(1, 1)]);
    const id = await uploaded(bytes, 'polyglot.jpg');
    await service.process(id);
    const original = await content(`/files/${id}/content`);
    expect(original.headers.get('content-type')).toBe('image/jpeg');
    expect(original.headers.get('x-content-type-options')).toBe('nosniff');
    expect(original.headers.get('content-security-policy')).toContain('sandbox');
    const thumb = await content(`/files/${id}/content/thumb`);
    expect(Buffer.from(await thumb.arrayBuffer()).toString('latin1')).not.toContain(payload);
  });

  test('processed twice concurrently is recorded once', async () => {
    const id = await uploaded(await noise(60, 60).png().toBuffer(), 'twice.png');
    const both = await Promise.all([service.process(id), service.process(id)]);
    expect(both).toEqual([[], []]);
    expect((await file(id)).sizes).toHaveLength(4);
  });

  test('deleted during processing leaves nothing behind', async () => {
    const before = await service.stored();
    const id = await uploaded(await noise(61, 60).png().toBuffer(), 'gone.png');
    const working = service.process(id);
    await service.call('DELETE', `/files/${id}`, { authorization: ada });
    await working;
    await deleteOrphans(service.deps);
    expect(await service.stored()).toEqual(before);
  });
});

describe('a malicious or broken file', () => {
  test.each([
    ['a PNG of 30,000 × 30,000', png(30_000, 30_000), 'bomb.png', 'picture.too-many-pixels'],
    ['a PNG of 2³¹ pixels in one row', png(2_147_483_647, 1), 'row.png', 'picture.'],
    ['a GIF of 30,000 × 30,000', gif(30_000, 30_000, 1), 'bomb.gif', 'picture.too-many-pixels'],
    ['a GIF with 500 frames', gif(10, 10, 500), 'long.gif', 'picture.too-many-frames'],
    ['a GIF with 90 frames of 1 megapixel', gif(1_000, 1_000, 90), 'film.gif', 'picture.too-many-pixels'],
    [
      'a PNG without pixels',
      png(10, 10, pngChunk('tEXt', Buffer.from('x'))),
      'empty.png',
      'picture.unreadable',
    ],
  ])('%s is rejected by its header', async (_what, bytes, name, code) => {
    const started = performance.now();
    expect(await becomes(bytes, name)).toStartWith(code);
    // Decoding would take minutes.
    expect(performance.now() - started).toBeLessThan(50_000);
  });

  test.each(['jpeg', 'png', 'webp', 'gif'] as const)('a truncated %s is rejected', async (format) => {
    const whole = await noise(300, 300).toFormat(format).toBuffer();
    const cut = Buffer.from(whole.subarray(0, Math.floor(whole.length / 2)));
    const id = await uploaded(cut, `cut.${format}`);
    // An answer, not a failure: nothing is parked.
    expect(await service.process(id)).toEqual([]);
    expect(await file(id)).toMatchObject({ status: 'rejected', code: 'picture.unreadable' });
    expect((await content(`/files/${id}/content`)).status).toBe(409);
    expect((await content(`/files/${id}/content/thumb`)).status).toBe(409);
  });

  test('decoding is killed after its timeout', async () => {
    const path = `${service.folder}/slow.png`;
    await Bun.write(path, await noise(2_000, 2_000).png().toBuffer());
    const rendering = renderInProcess({ path, type: 'image/png', folder: service.folder }, 1);
    await expect(rendering).rejects.toMatchObject({ name: 'RenderTimedOut' });
  });

  const zip = Buffer.from('UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==', 'base64');
  test.each([
    ['a ZIP named as a picture', zip, 'a.png', '', 'file.type-mismatch'],
    ['a picture named as a ZIP', png(1, 1), 'a.zip', '', 'file.type-mismatch'],
    ['a picture named as an executable', png(1, 1), 'a.exe', '', 'file.type-mismatch'],
    ['a PNG declared as a JPEG', png(1, 1), 'a', 'image/jpeg', 'file.type-mismatch'],
    [
      'HTML named as a picture',
      Buffer.from('<html><script>1</script>'),
      'a.png',
      'image/png',
      'file.type-not-allowed',
    ],
    [
      'HTML',
      Buffer.from('<!DOCTYPE html><svg onload=alert(1)>'),
      'a.html',
      'text/html',
      'file.type-not-allowed',
    ],
    [
      'an executable',
      Buffer.from('7f454c4602010100000000000000000002003e00', 'hex'),
      'a',
      '',
      'file.type-not-allowed',
    ],
    [
      'an SVG named as a PNG',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      'a.png',
      '',
      'file.type-mismatch',
    ],
  ])('%s is refused with 415 and leaves nothing behind', async (_what, bytes, name, type, code) => {
    const before = await service.stored();
    const response = await service.upload(ada, Buffer.from(bytes), { name, type });
    expect([response.status, (await response.json()).code]).toEqual([415, code]);
    expect(await service.stored()).toEqual(before);
  });

  test('an SVG with a script is stored, never displayed inline and never rendered', async () => {
    const svg =
      '<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    const id = await uploaded(Buffer.from(svg), 'x.svg');
    expect(await file(id)).toMatchObject({ status: 'ready', type: 'image/svg+xml', sizes: [] });
    const served = await content(`/files/${id}/content`);
    expect(served.headers.get('content-disposition')).toStartWith('attachment; ');
    expect(served.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    expect((await content(`/files/${id}/content/thumb`)).status).toBe(404);
    const avatar = await service.upload(ada, Buffer.from(svg), {
      name: 'x.svg',
      path: '/files/upload/avatar',
    });
    expect(avatar.status).toBe(415);
  });

  test('a randomly mutated picture ends up ready or rejected', async () => {
    const originals = await Promise.all(
      (['jpeg', 'png', 'webp', 'gif'] as const).map((format) => noise(64, 64).toFormat(format).toBuffer()),
    );
    const outcomes = new Set<string>();
    let seed = 20_261_120;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed % below;
    };
    for (let round = 0; round < 24; round++) {
      const bytes = Buffer.from(originals[round % originals.length] ?? '');
      for (let change = 0; change <= random(20); change++) bytes[random(bytes.length)] = random(256);
      outcomes.add((await becomes(bytes, 'mutated')).replace(/^(picture|file)\..*/, 'refused'));
    }
    expect([...outcomes].filter((outcome) => !['ready', 'refused'].includes(outcome))).toEqual([]);
  }, 120_000);
});

describe('an avatar', () => {
  test('is published when it is ready, only the later of two, and when it is made private or deleted', async () => {
    const { AvatarChanged } = await import('#contracts/events/media');
    const { outbox } = await import('#kit/messaging/tables');
    const { eq } = await import('drizzle-orm');
    const who = { id: Bun.randomUUIDv7(), username: 'bob' };
    const bob = await service.tokens.authorization(who);
    const set = async (side: number) => {
      const bytes = await noise(side, side).png().toBuffer();
      return (await service.upload(bob, bytes, { path: '/files/upload/avatar' })).json();
    };
    const published = async () =>
      (
        await service.database
          .select()
          .from(outbox)
          .where(eq(outbox.name, AvatarChanged.name))
          .orderBy(outbox.id)
      )
        .map((row) => JSON.parse(row.payload).data)
        .filter((data) => data.user_id === who.id)
        .map((data) => data.avatar_url);
    const [first, second] = [await set(300), await set(301)];
    expect(second).toMatchObject({ visibility: 'public', status: 'processing' });
    await service.process(second.id);
    await service.process(first.id);
    const [url] = await published();
    expect(await published()).toEqual([url]);
    expect(url).toStartWith(`http://rookery.test/files/${second.id}/content/small?v=`);
    const shown = await fetch(url.replace('http://rookery.test', service.url));
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/png']);
    const hidden = await service.call('PATCH', `/files/${second.id}`, {
      authorization: bob,
      body: { visibility: 'private' },
    });
    expect(hidden.status).toBe(200);
    expect(await published()).toEqual([url, null]);
    expect((await fetch(url.replace('http://rookery.test', service.url))).status).toBe(404);
    const third = await set(302);
    await service.process(third.id);
    expect(await published()).toHaveLength(3);
    await service.call('DELETE', `/files/${third.id}`, { authorization: bob });
    expect((await published()).at(-1)).toBeNull();
  });

  test('can be uploaded over gRPC', async () => {
    const bytes = await noise(120, 120).png().toBuffer();
    async function* messages() {
      yield {
        content: { $case: 'start' as const, value: { file_name: 'me.png', content_type: 'image/png' } },
      };
      for (let from = 0; from < bytes.length; from += 1_000)
        yield { content: { $case: 'data' as const, value: bytes.subarray(from, from + 1_000) } };
    }
    const { file: avatar } = await service.client.uploadAvatar(messages(), {
      onBehalfOf: { authorization: ada },
    });
    expect(avatar).toMatchObject({ type: 'image/png', size: bytes.length, status: 'processing' });
    const onBehalfOf = { authorization: ada };
    const { url, expires_at } = await service.client.getFileUrl({ id: avatar?.id ?? '' }, { onBehalfOf });
    expect([url, expires_at]).toEqual([avatar?.url ?? '', undefined]);
    await service.client.deleteFile({ id: avatar?.id ?? '' }, { onBehalfOf });
    const failure = await service.client
      .getFileUrl({ id: avatar?.id ?? '' })
      .catch((problem: unknown) => problem);
    expect(failure).toMatchObject({ code: 'file.not-found' });
  });
});
