import { afterAll, expect, test } from 'bun:test';
import { LikeNotify } from '#contracts/jobs/likes';
import type { Caller } from '#kit/auth/caller';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import type { LikesDeps } from './deps';
import { claimUnmailed } from './digest-store';
import { acceptLike, claimNotifications, confirmNotifications } from './notifications';
import { scheduledOutboxEntry } from './redis-outbox-entry';
import { claimMessages } from './redis-outbox-store';
import { like, unlike } from './service';
import { erasePerson } from './store';

const runtime = testRuntime('likes-notifications');
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const tokens = await testTokens();
const nextPostId = createIdGenerator(1);
const author = uuidv7();

afterAll(() => runtime.close());

const makeDeps = (): LikesDeps => ({
  runtime,
  storage: { redis, prefix: redis.family(uniqueName('likes')) },
  outbox: { wake() {} },
  tokens: tokens.verifier,
  findPerson: async () => author,
  checkPost: async (postId) => postId,
  findVisiblePosts: async (ids: readonly string[]) => new Map(ids.map((id) => [id, id])),
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
  signedInAt: 0,
  issuedAt: 0,
  expiresAt: 0,
});

/** Likes a post, and accepts the like as validated. */
async function likeAndAccept(deps: LikesDeps, postId: string, userId: string, authorId = author) {
  await like(deps, caller(userId), postId);
  return acceptLike(deps, { postId, userId, authorId });
}

/** The messages of a name in the outbox. */
async function sent(deps: LikesDeps, name: string) {
  const broker = name === 'like.notify' ? 'beanstalkd' : 'rabbitmq';
  const messages = await claimMessages(deps.storage, { broker, limit: 10_000, leaseMs: 0 });
  return messages
    .map(([, text]) => JSON.parse(text))
    .filter(({ envelope }) => envelope.name === name)
    .map(({ envelope, due_at_ms }) => ({ ...envelope, due_at_ms }));
}

test('an author is notified of a like once, also when it is removed, repeated and accepted again', async () => {
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

test('nobody is notified of their own likes, nor mailed about removed ones', async () => {
  const deps = makeDeps();
  const [postId, liker] = [nextPostId(), uuidv7()];
  expect(await likeAndAccept(deps, postId, author)).toBe(false);
  await likeAndAccept(deps, postId, liker);
  await unlike(deps, caller(liker), postId);
  expect(await acceptLike(deps, { postId, userId: liker, authorId: author })).toBe(false);
  expect(await claimNotifications(deps, author, uuidv7())).toEqual([]);
  expect(await sent(deps, 'post.liked')).toHaveLength(1);
  // The author was notified in the app.
  expect(await likeAndAccept(deps, postId, liker)).toBe(false);
  expect(await sent(deps, 'post.liked')).toHaveLength(1);
});

test('post.liked is published as soon as the like is accepted, before the digest', async () => {
  const deps = makeDeps();
  const [postId, liker] = [nextPostId(), uuidv7()];
  await likeAndAccept(deps, postId, liker);
  expect(await sent(deps, 'post.liked')).toMatchObject([
    { actor: liker, data: { post_id: postId, author_id: author, user_id: liker } },
  ]);
});

test('concurrent likes schedule one digest job, and one claim takes the likes of all posts', async () => {
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
  // The next like schedules another job.
  await likeAndAccept(deps, first, uuidv7());
  expect((await sent(deps, 'like.notify')).filter(({ data }) => data.author_id === author)).toHaveLength(2);
});

test('of concurrent claims exactly one gets each like', async () => {
  const deps = makeDeps();
  const likers = Array.from({ length: 100 }, uuidv7);
  const postId = nextPostId();
  await Promise.all(likers.map((liker) => likeAndAccept(deps, postId, liker)));
  const claims = await Promise.all(
    Array.from({ length: 20 }, () => claimNotifications(deps, author, uuidv7())),
  );
  expect(claims.flatMap((claim) => claim.map(({ userId }) => userId)).toSorted()).toEqual(likers.toSorted());
});

test('a repeated claim gets the same likes, and none once it is confirmed', async () => {
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

test('a claim takes thousands of likes, and schedules another job for the rest above its maximum', async () => {
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
    claimUnmailed(deps.storage, {
      authorId: author,
      claimId,
      maxLikes: 1_000,
      job: scheduledOutboxEntry(LikeNotify, { author_id: author }, { actor: null }),
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

test('erased people are neither notified nor mentioned', async () => {
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

test('a claim requests one mail, also when it is confirmed repeatedly, and none without posts', async () => {
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

test('while likes keep arriving the digest interval of the author doubles, up to an hour', async () => {
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
  // The interval resets after a pause of its own length.
  const pause = await redis.ttl(`${deps.storage.prefix}:digest-window:${author}`);
  expect(pause).toBeGreaterThan(3_590);
  expect(pause).toBeLessThanOrEqual(3_600);
  const other = uuidv7();
  await likeAndAccept(deps, nextPostId(), uuidv7(), other);
  const jobs = await sent(deps, 'like.notify');
  const ofOther = jobs.find(({ data }) => data.author_id === other);
  expect((ofOther.due_at_ms - clock.ms) / 1000).toBe(10);
});
