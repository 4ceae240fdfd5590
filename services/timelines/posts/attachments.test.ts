import { afterAll, describe, expect, test } from 'bun:test';
import sharp from 'sharp';
import { uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { outbox } from '#kit/messaging/tables';
import { startMedia } from '../../../tests/support/media';
import { testRuntime } from '../../../tests/support/servers';
import { idsOf, type Member, startTimelines } from '../../../tests/support/timelines';
import { createAcceptedPost } from './accept';
import { postExists } from './read-store';

const media = await startMedia();
const runtime = testRuntime('timelines-attachments');
let isUnavailable = false;
let isPublishingLost = false;
const authorsByPoll = new Map<string, string>();
/** The posts that polls have been told of, by their visibility. */
const shownPolls = new Map<string, string[]>();
const whileAvailable = async <Result>(call: () => Promise<Result>): Promise<Result> => {
  if (isUnavailable) throw new DependencyUnavailable();
  return call();
};
const service = await startTimelines(runtime, {
  media: {
    getFiles: (request) => whileAvailable(() => media.client.getFiles(request)),
    async publishFiles(request) {
      if (isPublishingLost) throw new DependencyUnavailable();
      // Nothing is public before the post is committed: a process that dies here must leave nothing behind.
      expect(await postExists(storage.database, String(request.post_id))).toBe(true);
      return whileAvailable(() => media.client.publishFiles(request));
    },
  },
  polls: {
    getPolls: ({ ids }) =>
      whileAvailable(async () => ({
        polls: ids
          .filter((id) => authorsByPoll.has(id))
          .map((id) => ({
            id,
            author_id: authorsByPoll.get(id),
            // A public post makes it public for ever.
            visibility: [...(shownPolls.get(id) ?? [])].sort().at(-1),
          })),
      })),
    showPoll: ({ id = '', visibility = '' }) =>
      whileAvailable(async () => {
        shownPolls.set(id, [...(shownPolls.get(id) ?? []), visibility]);
        return {};
      }),
  },
});
const { call, deps, join, relate, storage } = service;

afterAll(async () => {
  await runtime.close();
  await storage.drop();
  await media.close();
});

const PICTURE = new Uint8Array(
  await sharp({ create: { width: 2, height: 2, channels: 3, background: '#123456' } })
    .png()
    .toBuffer(),
);

const inMedia = ({ id, username }: Member) => media.tokens.authorization({ id, username });

async function upload(owner: Member, visibility = 'private'): Promise<string> {
  const fields = { visibility };
  const response = await media.upload(await inMedia(owner), PICTURE, { type: 'image/png', fields });
  expect(response.status).toBe(201);
  const { id } = (await response.json()) as { id: string };
  await media.process(id);
  return id;
}

function pollOf(author: Member): string {
  const id = uuidv7();
  authorsByPoll.set(id, author.id);
  return id;
}

const publish = (author: Member, body: object) => call('POST', '/posts', { ...author, body });
const mediaIn = ({ body }: { body: Record<string, unknown> }) => body.media as { id: string; url?: string }[];
const fileStatus = async (id: string) => (await media.call('GET', `/files/${id}`)).status;

describe('attachments', () => {
  test('a post may consist of a picture or of a poll alone', async () => {
    const author = await join('attaching');
    const picture = await publish(author, { media_ids: [await upload(author)] });
    const poll = await publish(author, { poll_id: pollOf(author) });
    expect([picture.status, poll.status]).toEqual([201, 201]);
    expect(mediaIn(picture)).toMatchObject([{ type: 'image/png' }]);
    expect(mediaIn(await call('GET', `/posts/id/${picture.body.id}`))).toEqual(mediaIn(picture));
    expect((await publish(author, { text: '', media_ids: [] })).status).toBe(422);
  });

  test('a poll is told what kind of post shows it, before the post is written, until a public one has', async () => {
    const author = await join('ivy');
    const poll = pollOf(author);
    for (const visibility of ['followers', 'followers', 'public', 'followers', 'public'])
      expect((await publish(author, { poll_id: poll, visibility })).status).toBe(201);
    expect(shownPolls.get(poll)).toEqual(['followers', 'public']);
    const [other, failing] = [await join('jon'), pollOf(author)];
    expect((await publish(other, { poll_id: failing, visibility: 'followers' })).status).toBe(422);
    expect(shownPolls.has(failing)).toBe(false);
  });

  test("files and polls of others, and unknown ones, are refused by name, and nobody's file is published", async () => {
    const [author, other] = [await join('owner_a'), await join('owner_b')];
    const [own, foreign, foreignPublic] = [
      await upload(author),
      await upload(other),
      await upload(other, 'public'),
    ];
    for (const [body, field] of [
      [{ media_ids: [own, foreign] }, 'media_ids.1'],
      [{ media_ids: [foreignPublic] }, 'media_ids.0'],
      [{ media_ids: [uuidv7(), own] }, 'media_ids.0'],
      [{ poll_id: pollOf(other), media_ids: [own] }, 'poll_id'],
      [{ poll_id: uuidv7() }, 'poll_id'],
    ] as const)
      for (const path of ['/posts', '/posts/async']) {
        const response = await call('POST', path, { ...author, body: { text: 'x', ...body } });
        expect([path, response.status]).toEqual([path, 422]);
        expect(response.body.errors).toEqual([expect.objectContaining({ field })]);
      }
    expect([await fileStatus(own), await fileStatus(foreign)]).toEqual([404, 404]);
    const request = { owner_id: author.id, ids: [foreign], post_id: '4096' };
    expect(await media.client.publishFiles(request)).toEqual({ files: [] });
    expect(await fileStatus(foreign)).toBe(404);
  });

  test('a private picture becomes public with a public post, at once and when it was accepted before', async () => {
    const author = await join('publishing');
    const [now, later] = [await upload(author), await upload(author)];
    const created = await publish(author, { text: 'look', media_ids: [now] });
    expect(await fileStatus(now)).toBe(200);
    expect(mediaIn(created)[0]?.url).not.toContain('token=');
    const queued = await call('POST', '/posts/async', { ...author, body: { media_ids: [later] } });
    expect([queued.status, await fileStatus(later)]).toEqual([202, 404]);
    await createAcceptedPost(deps, author, String(queued.body.id), { media_ids: [later] });
    expect(await fileStatus(later)).toBe(200);
  });

  test('a picture whose publication fails is published by the event of its post, and hidden by its deletion', async () => {
    const author = await join('interrupted');
    const [now, later] = [await upload(author), await upload(author)];
    isPublishingLost = true;
    const created = await publish(author, { text: 'look', media_ids: [now] });
    const queued = await call('POST', '/posts/async', { ...author, body: { media_ids: [later] } });
    await createAcceptedPost(deps, author, String(queued.body.id), { media_ids: [later] });
    isPublishingLost = false;
    expect([created.status, await fileStatus(now), await fileStatus(later)]).toEqual([201, 404, 404]);
    const relay = async (name: 'post.created' | 'post.deleted') => {
      for (const row of await storage.database.select().from(outbox).orderBy(outbox.id))
        if (row.name === name) await media.receive(name, JSON.parse(row.payload).data);
    };
    await relay('post.created');
    expect([await fileStatus(now), await fileStatus(later)]).toEqual([200, 200]);
    expect(mediaIn(await call('GET', `/posts/id/${created.body.id}`))).toEqual(mediaIn(created));
    await call('DELETE', `/posts/id/${created.body.id}`, author);
    await relay('post.deleted');
    expect([await fileStatus(now), await fileStatus(later)]).toEqual([404, 200]);
  });

  test('two requests of one key publish what the one post shows, and it is private with that again', async () => {
    const author = await join('twice');
    const picture = await upload(author);
    const request = { ...author, body: { media_ids: [picture] }, headers: { 'idempotency-key': 'twice' } };
    const created = await Promise.all([1, 2, 3].map(() => call('POST', '/posts', request)));
    const [id, ...others] = new Set(
      created.filter(({ status }) => status === 201).map(({ body }) => body.id),
    );
    expect([others, await fileStatus(picture)]).toEqual([[], 200]);
    await media.receive('post.deleted', { id, author_id: author.id });
    expect(await fileStatus(picture)).toBe(404);
  });

  test('followers get an address for the private picture of a post for followers, which stays private', async () => {
    const [author, fan] = [await join('shy_owner'), await join('shy_reader')];
    await relate('followed', fan, author);
    const picture = await upload(author);
    const { body } = await publish(author, { text: 'us', media_ids: [picture], visibility: 'followers' });
    expect(await fileStatus(picture)).toBe(404);
    const [shown] = mediaIn(await call('GET', `/posts/id/${body.id}`, fan));
    const address = new URL(shown?.url ?? '');
    expect((await fetch(`${media.url}${address.pathname}${address.search}`)).status).toBe(200);
    expect((await call('GET', `/posts/id/${body.id}`)).status).toBe(404);
  });

  test('a deleted file is listed no more, and one made private again has no address', async () => {
    const author = await join('deleting');
    const [deleted, hidden] = [await upload(author), await upload(author)];
    const { body } = await publish(author, { text: 'two', media_ids: [deleted, hidden] });
    await media.call('DELETE', `/files/${deleted}`, { authorization: await inMedia(author) });
    const change = { authorization: await inMedia(author), body: { visibility: 'private' } };
    expect((await media.call('PATCH', `/files/${hidden}`, change)).status).toBe(200);
    expect(mediaIn(await call('GET', `/posts/id/${body.id}`))).toEqual([
      { id: hidden, type: 'image/png' } as never,
    ]);
  });

  test('while media or polls is unavailable nothing is written, and posts are read with the ids of their files', async () => {
    const author = await join('waiting');
    const picture = await upload(author);
    const { body } = await publish(author, { text: 'before', media_ids: [picture] });
    const before = (await storage.database.select().from(outbox)).length;
    isUnavailable = true;
    for (const draft of [{ media_ids: [picture] }, { poll_id: pollOf(author) }])
      for (const path of ['/posts', '/posts/async'])
        expect((await call('POST', path, { ...author, body: { text: 'x', ...draft } })).status).toBe(503);
    expect((await publish(author, { text: 'without attachments' })).status).toBe(201);
    expect(mediaIn(await call('GET', `/posts/id/${body.id}`))).toEqual([{ id: picture }]);
    isUnavailable = false;
    expect((await storage.database.select().from(outbox)).length).toBe(before + 2);
    expect(idsOf(await call('GET', '/posts/waiting'))).toHaveLength(2);
  });
});
