import { afterAll, expect, test } from 'bun:test';
import { LikeNotify } from '#contracts/jobs/likes';
import type { Caller } from '#kit/auth/caller';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { jobEntry } from './outbox-entry';
import {
  acceptLike,
  claimNotifications,
  confirmNotifications,
  type LikesDeps,
  like,
  unlike,
} from './service';
import { claimMessages, claimUntold, erasePerson } from './store';

const runtime = testRuntime('likes-notifications');
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const nextPostId = createIdGenerator(1);
const author = uuidv7();

afterAll(() => runtime.close());

const makeDeps = (): LikesDeps => ({
  runtime,
  storage: { redis, prefix: uniqueName('likes') },
  outbox: { wake() {} },
  findPerson: async () => author,
  digestSeconds: 10,
  now: Date.now,
});

const caller = (id: string): Caller => ({
  id,
  username: 'someone',
  roles: [],
  permissions: [],
  sessionId: uuidv7(),
  tokenId: uuidv7(),
  issuedAt: 0,
  expiresAt: 0,
});

/** A like whose post has been found to exist. */
async function likeAndAccept(deps: LikesDeps, postId: string, userId: string, authorId = author) {
  await like(deps, caller(userId), postId);
  return acceptLike(deps, { postId, userId, authorId });
}

/** What has been sent to a broker so far, by the name of the message. */
async function sent(deps: LikesDeps, name: string) {
  const broker = name === 'like.notify' ? 'beanstalkd' : 'rabbitmq';
  const messages = await claimMessages(deps.storage, { broker, limit: 10_000, heldMs: 0 });
  return messages
    .map(([, text]) => JSON.parse(text))
    .filter(({ envelope }) => envelope.name === name)
    .map(({ envelope, due_at_ms }) => ({ ...envelope, due_at_ms }));
}

test('an author is told of a like once, however often it is liked, taken back and accepted', async () => {
  const deps = makeDeps();
  const [postId, liker] = [nextPostId(), uuidv7()];
  expect(await likeAndAccept(deps, postId, liker)).toBe(true);
  expect(await acceptLike(deps, { postId, userId: liker, authorId: author })).toBe(false);
  expect(await claimNotifications(deps, author, uuidv7())).toEqual([{ postId, userId: liker }]);
  for (let round = 0; round < 3; round++) {
    await unlike(deps, caller(liker), postId);
    expect(await likeAndAccept(deps, postId, liker)).toBe(false);
    expect(await claimNotifications(deps, author, uuidv7())).toEqual([]);
  }
  expect(await sent(deps, 'post.liked')).toHaveLength(1);
});

test('nobody is told of their own like, nor by mail of one taken back before', async () => {
  const deps = makeDeps();
  const [postId, liker] = [nextPostId(), uuidv7()];
  expect(await likeAndAccept(deps, postId, author)).toBe(false);
  await likeAndAccept(deps, postId, liker);
  await unlike(deps, caller(liker), postId);
  expect(await acceptLike(deps, { postId, userId: liker, authorId: author })).toBe(false);
  expect(await claimNotifications(deps, author, uuidv7())).toEqual([]);
  expect(await sent(deps, 'post.liked')).toHaveLength(1);
  // The app has told of it.
  expect(await likeAndAccept(deps, postId, liker)).toBe(false);
  expect(await sent(deps, 'post.liked')).toHaveLength(1);
});

test('the app tells of a like as soon as its post is known to exist, however long the mail waits', async () => {
  const deps = makeDeps();
  const [postId, liker] = [nextPostId(), uuidv7()];
  await likeAndAccept(deps, postId, liker);
  expect(await sent(deps, 'post.liked')).toMatchObject([
    { actor: liker, data: { post_id: postId, author_id: author, user_id: liker } },
  ]);
});

test('likes that come together bring one job, and one claim takes them all, of every post', async () => {
  const deps = makeDeps();
  const [first, second] = [nextPostId(), nextPostId()];
  await Promise.all(
    Array.from({ length: 200 }, (_, index) => likeAndAccept(deps, index % 2 ? first : second, uuidv7())),
  );
  await likeAndAccept(deps, nextPostId(), uuidv7(), uuidv7());
  const jobs = await sent(deps, 'like.notify');
  expect(jobs.filter(({ data }) => data.author_id === author)).toHaveLength(1);
  expect(jobs).toHaveLength(2);
  expect(await claimNotifications(deps, author, uuidv7())).toHaveLength(200);
  expect(await sent(deps, 'post.liked')).toHaveLength(201);
  // The next like begins anew.
  await likeAndAccept(deps, first, uuidv7());
  expect((await sent(deps, 'like.notify')).filter(({ data }) => data.author_id === author)).toHaveLength(2);
});

test('of claims made at the same time each like is in one', async () => {
  const deps = makeDeps();
  const likers = Array.from({ length: 100 }, uuidv7);
  const postId = nextPostId();
  await Promise.all(likers.map((liker) => likeAndAccept(deps, postId, liker)));
  const claims = await Promise.all(
    Array.from({ length: 20 }, () => claimNotifications(deps, author, uuidv7())),
  );
  expect(claims.flatMap((claim) => claim.map(({ userId }) => userId)).toSorted()).toEqual(likers.toSorted());
});

test('a claim whose worker died gets the same likes again, and none once it is confirmed', async () => {
  const deps = makeDeps();
  const claimId = uuidv7();
  const postId = nextPostId();
  await likeAndAccept(deps, postId, uuidv7());
  await likeAndAccept(deps, postId, uuidv7());
  const claimed = await claimNotifications(deps, author, claimId);
  await likeAndAccept(deps, postId, uuidv7());
  expect(await claimNotifications(deps, author, claimId)).toEqual(claimed);
  expect(await sent(deps, 'post.liked')).toHaveLength(3);
  await confirmNotifications(deps, { claimId, authorId: author, posts: [] });
  expect(await claimNotifications(deps, author, claimId)).toEqual([]);
  expect(await claimNotifications(deps, author, uuidv7())).toHaveLength(1);
});

test('thousands of likes are one claim; more than one claim takes bring another job', async () => {
  const deps = makeDeps();
  const postId = nextPostId();
  const likeOften = async (batches: number) => {
    for (let batch = 0; batch < batches; batch++)
      await Promise.all(Array.from({ length: 500 }, () => likeAndAccept(deps, postId, uuidv7())));
  };
  await likeOften(5);
  expect(await claimNotifications(deps, author, uuidv7())).toHaveLength(2_500);
  expect(await sent(deps, 'like.notify')).toHaveLength(1);
  await likeOften(3);
  const claim = (claimId: string) =>
    claimUntold(deps.storage, {
      authorId: author,
      claimId,
      most: 1_000,
      job: jobEntry(LikeNotify, { author_id: author }, { actor: null }),
      nowMs: Date.now(),
      digestSeconds: 10,
    });
  const claimId = uuidv7();
  const claimed = await claim(claimId);
  expect(claimed).toHaveLength(1_000);
  expect(await claim(claimId)).toEqual(claimed);
  expect(await sent(deps, 'like.notify')).toHaveLength(3);
  expect(await claim(uuidv7())).toHaveLength(500);
  expect(await sent(deps, 'like.notify')).toHaveLength(3);
});

test('who has left is neither told nor told of', async () => {
  const deps = makeDeps();
  const [postId, leaver, stayer, other] = [nextPostId(), uuidv7(), uuidv7(), uuidv7()];
  await likeAndAccept(deps, postId, leaver);
  await likeAndAccept(deps, postId, stayer);
  await likeAndAccept(deps, nextPostId(), stayer, other);
  await erasePerson(deps.storage, leaver, Date.now());
  await erasePerson(deps.storage, other, Date.now());
  expect(await claimNotifications(deps, author, uuidv7())).toEqual([{ postId, userId: stayer }]);
  expect(await claimNotifications(deps, other, uuidv7())).toEqual([]);
});

test('one mail is asked for each claim, however often it is confirmed, and none where nothing is left to tell', async () => {
  const deps = makeDeps();
  const [claimId, emptyClaimId] = [uuidv7(), uuidv7()];
  const posts = [
    { excerpt: 'A post', link: 'https://rookery.example/posts/id/1', likers: ['ada'], others_count: 0 },
  ];
  await likeAndAccept(deps, nextPostId(), uuidv7());
  await claimNotifications(deps, author, claimId);
  await Promise.all(
    Array.from({ length: 5 }, () => confirmNotifications(deps, { claimId, authorId: author, posts })),
  );
  await likeAndAccept(deps, nextPostId(), uuidv7());
  await claimNotifications(deps, author, emptyClaimId);
  await confirmNotifications(deps, { claimId: emptyClaimId, authorId: author, posts: [] });
  const mails = await sent(deps, 'mail.requested');
  expect(mails).toHaveLength(1);
  expect(mails[0].data).toEqual({
    to: { user_id: author },
    content: { template: 'likes-digest', values: { posts } },
    event_id: claimId,
  });
});

test('while likes keep coming they are told of ever more rarely, at most once an hour, and for nobody else', async () => {
  const clock = { ms: Date.now() };
  const deps = { ...makeDeps(), now: () => clock.ms };
  const seconds: number[] = [];
  for (let mail = 0; mail < 12; mail++) {
    const before = (await sent(deps, 'like.notify')).map(({ id }) => id);
    await likeAndAccept(deps, nextPostId(), uuidv7());
    const [job] = (await sent(deps, 'like.notify')).filter(({ id }) => !before.includes(id));
    seconds.push((job.due_at_ms - clock.ms) / 1000);
    await claimNotifications(deps, author, uuidv7());
  }
  expect(seconds).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
  // The time before a pause is forgotten with the pause.
  const pause = await redis.ttl(`${deps.storage.prefix}:digest-window:${author}`);
  expect(pause).toBeGreaterThan(3_590);
  expect(pause).toBeLessThanOrEqual(3_600);
  const other = uuidv7();
  await likeAndAccept(deps, nextPostId(), uuidv7(), other);
  const jobs = await sent(deps, 'like.notify');
  const ofOther = jobs.find(({ data }) => data.author_id === other);
  expect((ofOther.due_at_ms - clock.ms) / 1000).toBe(10);
});
