import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { MARK, plantedPictures } from '../../../tests/support/planted-pictures';
import { plantedRecordings, SOUND } from '../../../tests/support/planted-recordings';
import { bytesOf, sourceOf } from './bytes';
import { strip } from './strip';

const pictures = await plantedPictures();
const recordings = plantedRecordings();

function stripped(bytes: Buffer, type: string): Buffer | undefined {
  const source = sourceOf(bytes);
  const output = strip(source, type);
  return output && Buffer.concat([...bytesOf(source, output)]);
}

const pixels = (bytes: Buffer) => sharp(bytes, { pages: -1, failOn: 'none' }).autoOrient().raw().toBuffer();
const count = (bytes: Buffer, text: string | Buffer) =>
  bytes.toString('latin1').split(text.toString('latin1')).length - 1;

describe('a picture', () => {
  test.each(pictures.map((picture) => [picture.name, picture] as const))(
    '%s loses every mark, and keeps its pixels, its orientation and its animation',
    async (_, { bytes, type }) => {
      expect(count(bytes, MARK)).toBeGreaterThan(3);
      const copy = stripped(bytes, type);
      if (copy === undefined) throw new Error('not stripped');
      expect(copy.toString('latin1')).not.toContain(MARK);
      expect(copy.toString('latin1')).not.toMatch(/xmpmeta|GPS/);
      expect((await pixels(copy)).equals(await pixels(bytes))).toBe(true);
      const [before, after] = [await sharp(bytes).metadata(), await sharp(copy).metadata()];
      expect([after.orientation, after.loop, after.delay]).toEqual([
        before.orientation,
        before.loop,
        before.delay,
      ]);
      expect([after.xmp, after.iptc, after.comments]).toEqual([undefined, undefined, undefined]);
      expect(after.icc?.equals(before.icc ?? Buffer.alloc(0))).toBe(
        before.icc === undefined ? undefined : true,
      );
      // Nothing is left to remove.
      expect(stripped(copy, type)?.equals(copy)).toBe(true);
    },
  );

  test.each(['jpeg', 'png', 'webp', 'gif'] as const)('%s without metadata stays as it is', async (format) => {
    const bytes = await sharp({ create: { width: 30, height: 20, channels: 3, background: '#a0b0c0' } })
      .toFormat(format)
      .toBuffer();
    expect(stripped(bytes, `image/${format}`)?.equals(bytes)).toBe(true);
  });

  test('JPEG with many scans, restarts or a cut end is copied as far as it goes', async () => {
    const noise = sharp(Buffer.from(Array.from({ length: 300 * 200 * 3 }, (_, at) => (at * at) % 251)), {
      raw: { width: 300, height: 200, channels: 3 },
    });
    const bytes = await noise.jpeg({ progressive: true, quality: 100 }).toBuffer();
    expect(stripped(bytes, 'image/jpeg')?.equals(bytes)).toBe(true);
    const cut = bytes.subarray(0, bytes.length - 1_000);
    expect(stripped(cut, 'image/jpeg')?.equals(cut)).toBe(true);
  });
});

describe('a recording', () => {
  test.each(recordings.map((recording) => [recording.name, recording] as const))(
    '%s loses every mark, and keeps what is heard',
    (_, { bytes, type }) => {
      expect(count(bytes, MARK)).toBeGreaterThan(3);
      const copy = stripped(bytes, type);
      if (copy === undefined) throw new Error('not stripped');
      expect(copy.toString('latin1')).not.toContain(MARK);
      expect(count(copy, SOUND)).toBe(count(bytes, SOUND));
      expect(stripped(copy, type)?.equals(copy)).toBe(true);
    },
  );

  test.each(
    recordings
      .filter(({ type }) => /video/.test(type))
      .map((recording) => [recording.name, recording] as const),
  )('%s keeps every byte where it was', (_, { bytes, type }) => {
    const copy = stripped(bytes, type);
    expect(copy?.length).toBe(bytes.length);
    expect(copy?.indexOf(SOUND)).toBe(bytes.indexOf(SOUND));
  });
});

test('whatever a file holds, it is copied from its own bytes or refused', () => {
  const change = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) });
  const changes = fc.array(change, { maxLength: 6 });
  for (const { bytes, type } of [...pictures, ...recordings])
    fc.assert(
      fc.property(changes, fc.double({ min: 0, max: 1, noNaN: true }), (mutations, share) => {
        const mutant = Buffer.from(bytes.subarray(0, Math.ceil(bytes.length * (share < 0.5 ? 1 : share))));
        for (const { at, bytes: written } of mutations)
          mutant.set(written.subarray(0, mutant.length - (at % mutant.length)), at % mutant.length);
        const output = strip(sourceOf(mutant), type);
        for (const piece of output?.pieces ?? [])
          if (!Buffer.isBuffer(piece) && 'to' in piece)
            expect(piece.from >= 0 && piece.to <= mutant.length).toBe(true);
        expect(output === undefined || output.size <= mutant.length * 2 + 100).toBe(true);
      }),
      { numRuns: 150 },
    );
});

test('types that cannot be taken apart reliably are refused', () => {
  for (const type of ['application/pdf', 'application/zip', 'image/svg+xml', 'text/plain'])
    expect(strip(sourceOf(Buffer.from('anything')), type)).toBeUndefined();
});

/**
 * Made by `ffmpeg` and `heif-enc` of Debian 12, with a maker and, in the movie, a position. Both tools decode the original and
 * the copy to the same frames, which is what the checksums stand for: `ffmpeg -i FILE -f md5 -`, `heif-convert FILE out.png`.
 */
const RECORDED = [
  ['phone.heic', 'image/heic', '48b8691ef37964a8cb343807a5e1ec6fc0fc9c21abb4e349e68d051b7a2c3996'],
  ['phone.mov', 'video/quicktime', 'fff76de8ccc38a1acefaa6aa97243b314556061e3334fdef5c3df554c631d015'],
  ['phone.mp4', 'video/mp4', '2d60d285e4a9f9954b3f8f48534a276b40058178516e67964ac27ccc4125e3f6'],
  ['phone.webm', 'video/webm', '6185ea8f7b7217d33b4f2a17abc5efe1b79fcb77aa2a57ed152dc2557899cbea'],
] as const;

test.each(RECORDED)(
  '%s, as an encoder writes it, loses what was recorded beside the picture',
  async (name, type, sha256) => {
    const bytes = Buffer.from(
      await Bun.file(join(import.meta.dir, '../../../tests/support/recorded', name)).bytes(),
    );
    const copy = stripped(bytes, type);
    if (copy === undefined) throw new Error('not stripped');
    expect(copy.length).toBe(bytes.length);
    expect(copy.toString('latin1')).not.toMatch(/Planted|52\.5200/);
    expect(new Bun.CryptoHasher('sha256').update(copy).digest('hex')).toBe(sha256);
  },
);
