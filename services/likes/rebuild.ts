import { readEnv } from '#kit/config/environment';
import { processFields, redisFields } from '#kit/config/fields';
import { startProcess } from '#kit/process';
import { openRedis } from '#kit/redis/client';
import { script } from './scripts';
import { KEY_PREFIX, type LikesStorage, run } from './store';

/** `post, now`: sets what the rankings say of a post to what its likers say. */
const RECOUNT_POST = script(`
local post = ARGV[2]
place(key('popular', 'all'), post, total(post))
for _, window in ipairs(windows) do
  local step = advance(window, tonumber(ARGV[3]))
  local standing, points = 0, 0
  -- One step ahead, because times of likes may be a little ahead as well.
  for liked = step - window.steps + 1, step + 1 do
    local from, to = string.format('%d', liked * window.step_ms), string.format('(%d', (liked + 1) * window.step_ms)
    local likes = redis.call('ZCOUNT', key('post', post), from, to)
    place(step_key(window, liked), post, likes)
    standing = standing + likes
    points = points + likes * (window.steps - (step - liked))
  end
  place(key('standing', window.name), post, standing)
  place(key('popular', window.name), post, points)
end
return 1
`);

/** `post, person…`: puts the post into the lists of those who like it. */
const RELIST_POST = script(`
for index = 3, #ARGV do
  local at = redis.call('ZSCORE', key('post', ARGV[2]), ARGV[index])
  if at then redis.call('ZADD', key('person', ARGV[index]), at, ARGV[2]) end
end
return 1
`);

/** `person, post…`: takes posts out of a person's list that the person does not like. */
const UNLIST_POSTS = script(`
for index = 3, #ARGV do
  if not redis.call('ZSCORE', key('post', ARGV[index]), ARGV[2]) then
    redis.call('ZREM', key('person', ARGV[2]), ARGV[index])
  end
end
return 1
`);

if (import.meta.main) {
  const env = readEnv({ ...processFields(0), ...redisFields });
  const runtime = await startProcess('likes-rebuild', env);
  const redis = await openRedis(runtime, { url: env.REDIS_URL, required: true });
  const { posts, people } = await rebuild({ redis, prefix: KEY_PREFIX }, Date.now);
  runtime.log.info(
    `rebuilt what follows from the likers of ${posts} posts; checked the lists of ${people} people`,
  );
  await runtime.close();
}

/**
 * Makes people's lists and the rankings anew from the likers of each post. May run while the service does: each step
 * sets what has to be, and none trusts what an earlier one read.
 */
export async function rebuild(
  storage: LikesStorage,
  now: () => number,
): Promise<{ posts: number; people: number }> {
  const { redis, prefix } = storage;
  let posts = 0;
  for await (const keys of redis.scanIterator({ MATCH: `${prefix}:post:*`, COUNT: 500 }))
    for (const key of keys) {
      const postId = key.slice(`${prefix}:post:`.length);
      for await (const likers of redis.zScanIterator(key, { COUNT: 500 }))
        await run(storage, RELIST_POST, postId, ...likers.map(({ value }) => value));
      await run(storage, RECOUNT_POST, postId, now());
      posts++;
    }

  let people = 0;
  for await (const keys of redis.scanIterator({ MATCH: `${prefix}:person:*`, COUNT: 500 }))
    for (const key of keys) {
      const userId = key.slice(`${prefix}:person:`.length);
      for await (const liked of redis.zScanIterator(key, { COUNT: 500 }))
        await run(storage, UNLIST_POSTS, userId, ...liked.map(({ value }) => value));
      people++;
    }

  // Posts that are ranked though nobody likes them.
  for (const ranking of ['all', 'day', 'week'])
    for await (const ranked of redis.zScanIterator(`${prefix}:popular:${ranking}`, { COUNT: 500 }))
      for (const { value } of ranked) await run(storage, RECOUNT_POST, value, now());
  return { posts, people };
}
