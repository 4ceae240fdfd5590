import { EVERY_LIKE_CHANGED, likeChangesChannel } from '#contracts/changes/likes';
import type { LikesStorage } from './deps';
import { runScript, withReply } from './run-script';
import { script } from './scripts/library';

/** `post, now`: derives the scores of a post from its likers. */
const RECOUNT_POST = script(`
local post = ARGV[2]
set_score(key('popular', 'all'), post, total(post))
for _, window in ipairs(windows) do
  local step = advance(window, tonumber(ARGV[3]))
  local standing, points = 0, 0
  -- One step ahead, because the times of likes may be slightly ahead.
  for liked = step - window.steps + 1, step + 1 do
    local from, to = string.format('%d', liked * window.step_ms), string.format('(%d', (liked + 1) * window.step_ms)
    local likes = redis.call('ZCOUNT', key('post', post), from, to)
    set_score(step_key(window, liked), post, likes)
    standing = standing + likes
    points = points + likes * (window.steps - (step - liked))
  end
  set_score(key('standing', window.name), post, standing)
  set_score(key('popular', window.name), post, points)
end
return 1
`);

/** `post, person…`: adds the post to the lists of the people who like it. */
const RELIST_POST = script(`
for index = 3, #ARGV do
  local at = tonumber(redis.call('ZSCORE', key('post', ARGV[2]), ARGV[index]))
  if at then list(ARGV[2], ARGV[index], at) end
end
return 1
`);

/** `person, post…`: removes posts from a person's list that the person does not like. */
const UNLIST_POSTS = script(`
for index = 3, #ARGV do
  if not redis.call('ZSCORE', key('post', ARGV[index]), ARGV[2]) then list(ARGV[index], ARGV[2], nil) end
end
return 1
`);

/**
 * Rebuilds people's lists and the rankings from the likers of each post. Safe while the service runs: each script reads
 * and sets the state atomically.
 */
export async function rebuild(
  storage: LikesStorage,
  now: () => number,
): Promise<{ posts: number; people: number }> {
  const { redis, prefix } = storage;
  // The likers of posts may have been replaced without a script; what is corrected below is named like by like.
  await withReply(redis.publish(likeChangesChannel(prefix), EVERY_LIKE_CHANGED));
  let posts = 0;
  for await (const keys of redis.scanIterator({ MATCH: `${prefix}:post:*`, COUNT: 500 }))
    for (const key of keys) {
      const postId = key.slice(`${prefix}:post:`.length);
      for await (const likers of redis.zScanIterator(key, { COUNT: 500 }))
        await runScript(storage, RELIST_POST, postId, ...likers.map(({ value }) => value));
      await runScript(storage, RECOUNT_POST, postId, now());
      posts++;
    }

  let people = 0;
  for await (const keys of redis.scanIterator({ MATCH: `${prefix}:person:*`, COUNT: 500 }))
    for (const key of keys) {
      const userId = key.slice(`${prefix}:person:`.length);
      for await (const liked of redis.zScanIterator(key, { COUNT: 500 }))
        await runScript(storage, UNLIST_POSTS, userId, ...liked.map(({ value }) => value));
      people++;
    }

  // Ranked posts without likers.
  for (const ranking of ['all', 'day', 'week'])
    for await (const ranked of redis.zScanIterator(`${prefix}:popular:${ranking}`, { COUNT: 500 }))
      for (const { value } of ranked) await runScript(storage, RECOUNT_POST, value, now());
  return { posts, people };
}
