import { afterAll, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import sharp from 'sharp';
import { createIdGenerator } from '#kit/core/ids';
import { startMedia } from '../../../tests/support/media';
import { oldDatabase } from '../../../tests/support/old-database';
import { media } from '../schema';

const service = await startMedia();
const { call, client, receive, tokens } = service;
const nextPost = createIdGenerator(1);
afterAll(service.close);

interface Owner {
  readonly id: string;
  readonly authorization: string;
}

async function newOwner(): Promise<Owner> {
  const id = Bun.randomUUIDv7();
  return { id, authorization: await tokens.authorization({ id, username: 'ada' }) };
}

const PICTURE = new Uint8Array(
  await sharp({ create: { width: 2, height: 2, channels: 3, background: '#123456' } })
    .png()
    .toBuffer(),
);

async function upload(owner: Owner, visibility = 'private'): Promise<string> {
  const response = await service.upload(owner.authorization, PICTURE, { fields: { visibility } });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

const isPublic = async (id: string) => (await call('GET', `/files/${id}`)).status === 200;
const change = async (owner: Owner, id: string, visibility: string) =>
  expect((await call('PATCH', `/files/${id}`, { ...owner, body: { visibility } })).status).toBe(200);
const postOf = (owner: Owner, ...media_ids: string[]) => ({ id: nextPost(), author_id: owner.id, media_ids });
const created = (post: object, visibility = 'public') => receive('post.created', { ...post, visibility });
const deleted = (post: object) => receive('post.deleted', post);

describe('a private file', () => {
  test('is public with the post that shows it, whether the event or the call arrives first', async () => {
    const owner = await newOwner();
    const [one, other] = [await upload(owner), await upload(owner)];
    const post = postOf(owner, one, other);
    const request = { owner_id: owner.id, ids: [one, other], post_id: post.id };
    await client.publishFiles(request);
    await created(post);
    await client.publishFiles(request);
    expect([await isPublic(one), await isPublic(other)]).toEqual([true, true]);
  });

  test('stays private in a post for followers, and in a post of somebody else', async () => {
    const [owner, stranger] = [await newOwner(), await newOwner()];
    const file = await upload(owner);
    await created(postOf(owner, file), 'followers');
    await created(postOf(stranger, file));
    expect(await isPublic(file)).toBe(false);
  });

  test('is private again when the last public post that shows it is deleted', async () => {
    const owner = await newOwner();
    const file = await upload(owner);
    const [one, other] = [postOf(owner, file), postOf(owner, file)];
    await created(one);
    await created(other);
    await deleted(one);
    expect(await isPublic(file)).toBe(true);
    // As publishers of the version before do: without the files.
    await deleted({ id: other.id, author_id: owner.id });
    expect(await isPublic(file)).toBe(false);
  });

  test('is not published by a post whose deletion arrives first', async () => {
    const owner = await newOwner();
    const file = await upload(owner);
    const post = postOf(owner, file);
    await deleted(post);
    await created(post);
    await client.publishFiles({ owner_id: owner.id, ids: [file], post_id: post.id });
    expect(await isPublic(file)).toBe(false);
  });

  test('is as its owner has said since: repeats of the event do not publish it, deletions do not hide it', async () => {
    const owner = await newOwner();
    const [hidden, shown] = [await upload(owner), await upload(owner)];
    const post = postOf(owner, hidden, shown);
    await created(post);
    await change(owner, hidden, 'private');
    await change(owner, shown, 'public');
    await created(post);
    expect([await isPublic(hidden), await isPublic(shown)]).toEqual([false, true]);
    await deleted(post);
    expect([await isPublic(hidden), await isPublic(shown)]).toEqual([false, true]);
  });

  test('stays public for callers of the version before, which name no post', async () => {
    const owner = await newOwner();
    const file = await upload(owner);
    const { files } = await client.publishFiles({ owner_id: owner.id, ids: [file], post_id: undefined });
    expect(files).toMatchObject([{ id: file, visibility: 'public' }]);
    expect(files[0]?.public_url).toBe(files[0]?.url);
  });
});

test('a file that its owner uploaded as public stays public whatever becomes of its posts', async () => {
  const owner = await newOwner();
  const file = await upload(owner, 'public');
  const post = postOf(owner, file);
  await created(post);
  await deleted(post);
  expect(await isPublic(file)).toBe(true);
});

test('in whichever order events arrive, a file is public exactly while a post that shows it is left', async () => {
  const owner = await newOwner();
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 8 }), async (order) => {
      const file = await upload(owner);
      const posts = Array.from({ length: 4 }, () => postOf(owner, file));
      for (const step of order) {
        const post = posts[step % 4];
        if (post !== undefined) await (step < 4 ? created(post) : deleted(post));
      }
      const left = posts.filter((_, index) => order.includes(index) && !order.includes(index + 4));
      expect(await isPublic(file)).toBe(left.length > 0);
    }),
    { numRuns: 25 },
  );
});

test('the files of the version before stay as they are', async () => {
  const old = await oldDatabase('media', '0002_resumable-uploads');
  try {
    await old.database.execute(sql`
      insert into media (id, owner_id, bucket_name, visibility, current_version, latest_version, created_at, updated_at)
      values (unhex(repeat('0a', 16)), unhex(repeat('0b', 16)), 'files', 'public', 1, 1, now(3), now(3))`);
    await old.migrate();
    expect(await old.database.select().from(media)).toMatchObject([
      { visibility: 'public', publicByPosts: false },
    ]);
  } finally {
    await old.drop();
  }
});
