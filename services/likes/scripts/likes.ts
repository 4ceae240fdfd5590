import { redisScript } from '#kit/redis/script';
import { script } from './library';

/**
 * `post, person, now, message id, message, pending`: returns 1 for a new like and 0 for a repeat, and the likes of the
 * post, a pending one included.
 */
export const ADD_LIKE = script(`
local post, person, now, pending = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[7] == '1'
if redis.call('ZSCORE', key('post', post), person) then return { 0, total(post) } end
if redis.call('ZSCORE', key('pending', post), person) then
  if pending then return { 0, total(post) + 1 } end
  place(post, person, unpend(post, person), now)
  return { 0, total(post) }
end
-- The times of a person's likes are unique, so that the time alone is a cursor of their list.
local at = now
for _, list in ipairs({ 'person', 'pending-of' }) do
  local newest = redis.call('ZRANGE', key(list, person), 0, 0, 'REV', 'WITHSCORES')
  at = math.max(at, (tonumber(newest[2]) or 0) + 1)
end
send('beanstalkd', ARGV[5], ARGV[6])
if not pending then
  place(post, person, at, now)
  return { 1, total(post) }
end
pend(post, person, at)
return { 1, total(post) + 1 }
`);

/**
 * `post, person, time`: adds a like that was given at a time, as one of which the author has been notified; returns 0 for a
 * repeat. The windows are not advanced to the past: `rank` compares with the step they are in.
 */
export const IMPORT_LIKE = script(`
local post, person, at = ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('ZSCORE', key('post', post), person) then return 0 end
unpend(post, person)
while redis.call('ZCOUNT', key('person', person), at, at) > 0 do at = at + 1 end
redis.call('SADD', key('told', person), post)
place(post, person, at, at)
return 1
`);

/**
 * `post, person, now, given to`: a pending like counts from now on, with the time at which it was given. A like that was
 * given to another post is moved to this one, unless the person likes it already.
 */
export const SETTLE_LIKE = script(`
local post, person, now, given = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local at = unpend(given, person)
if not at and given ~= post then
  at = tonumber(redis.call('ZSCORE', key('post', given), person))
  if at then remove(given, person, now) end
end
if at and not redis.call('ZSCORE', key('post', post), person) then
  unpend(post, person)
  place(post, person, at, now)
end
return 1
`);

/** `post, person, now[, message id, message]`: returns 1 when the like existed; only then the message is sent. */
export const REMOVE_LIKE = script(`
local removed = unpend(ARGV[2], ARGV[3]) and 1 or remove(ARGV[2], ARGV[3], tonumber(ARGV[4]))
if removed == 1 and ARGV[5] then send('rabbitmq', ARGV[5], ARGV[6]) end
return removed
`);

/** `post…`: returns the likes of each. Read most often, so it does without the library, which every call would compile. */
export const COUNT_LIKES = redisScript(`
local posts, counts = KEYS[1] .. 'post:', {}
for index = 2, #ARGV do counts[index - 1] = redis.call('ZCARD', posts .. ARGV[index]) end
return counts
`);

/** `viewer, post…`: returns for each post its likes, and 1 when the viewer likes it; the viewer's pending ones count. */
export const READ_COUNTS = redisScript(`
local posts, waiting, viewer, reply = KEYS[1] .. 'post:', KEYS[1] .. 'pending-of:' .. ARGV[2], ARGV[2], {}
local has_waiting = redis.call('EXISTS', waiting) == 1
for index = 3, #ARGV do
  local post = posts .. ARGV[index]
  local count = redis.call('ZCARD', post)
  local mine = count > 0 and redis.call('ZSCORE', post, viewer)
  local pending = has_waiting and redis.call('ZSCORE', waiting, ARGV[index])
  reply[#reply + 1] = count + (pending and 1 or 0)
  reply[#reply + 1] = (mine or pending) and 1 or 0
end
return reply
`);

/** `ranking, now, skip, limit`: returns posts with their likes, highest score first. */
const RANKED = `
local reply = {}
for _, post in ipairs(redis.call('ZRANGE', KEYS[1] .. 'popular:' .. ARGV[2], ARGV[4], ARGV[4] + ARGV[5] - 1, 'REV')) do
  reply[#reply + 1] = post
  reply[#reply + 1] = redis.call('ZCARD', KEYS[1] .. 'post:' .. post)
end
return reply
`;

/** For the ranking without a window. */
export const READ_POPULAR = redisScript(RANKED);

/** For a ranking with a window, which is advanced first. */
export const READ_POPULAR_LATELY = script(`
for _, window in ipairs(windows) do
  if window.name == ARGV[2] then advance(window, tonumber(ARGV[3])) end
end
${RANKED}`);

/** `person, now, limit`: removes likes of a person; returns how many, 0 once everything of the person is deleted. */
export const ERASE_PERSON = script(`
local person, now = ARGV[2], tonumber(ARGV[3])
local posts = redis.call('ZRANGE', key('person', person), 0, ARGV[4] - 1)
for _, post in ipairs(posts) do
  if remove(post, person, now) == 0 then list(post, person, nil) end
end
local pending = redis.call('ZRANGE', key('pending-of', person), 0, ARGV[4] - 1)
for _, post in ipairs(pending) do unpend(post, person) end
if #posts + #pending == 0 then
  redis.call('UNLINK', key('told', person), key('untold', person), key('digest', person), key('digest-window', person))
end
return #posts + #pending
`);

/** `post, now, limit`: removes likes of a post; returns how many. */
export const ERASE_POST = script(`
local people = redis.call('ZRANGE', key('post', ARGV[2]), 0, ARGV[4] - 1)
for _, person in ipairs(people) do
  remove(ARGV[2], person, tonumber(ARGV[3]))
  redis.call('SREM', key('told', person), ARGV[2])
end
local pending = redis.call('ZRANGE', key('pending', ARGV[2]), 0, ARGV[4] - 1)
for _, person in ipairs(pending) do unpend(ARGV[2], person) end
return #people + #pending
`);

/**
 * `limit, person…`: for each person the posts they like, separated by blanks, the same of pending likes, and 0; of more
 * than `limit` likes the newest, and instead of 0 the time of the oldest of these plus one.
 */
export const LIST_LIKED = redisScript(`
local limit, reply = tonumber(ARGV[2]), {}
for index = 3, #ARGV do
  local lists = { KEYS[1] .. 'person:' .. ARGV[index], KEYS[1] .. 'pending-of:' .. ARGV[index] }
  local posts, since = {}, 0
  for list, name in ipairs(lists) do posts[list] = redis.call('ZRANGE', name, 0, limit, 'REV') end
  if #posts[1] + #posts[2] > limit then
    local newest, at = {}, { 1, 1 }
    for list, name in ipairs(lists) do newest[list] = redis.call('ZRANGE', name, 0, limit - 1, 'REV', 'WITHSCORES') end
    posts = { {}, {} }
    while #posts[1] + #posts[2] < limit do
      local settled, pending = tonumber(newest[1][at[1] + 1]), tonumber(newest[2][at[2] + 1])
      local list = (settled and (not pending or settled >= pending)) and 1 or 2
      table.insert(posts[list], newest[list][at[list]])
      since, at[list] = newest[list][at[list] + 1] + 1, at[list] + 2
    end
  end
  reply[#reply + 1] = table.concat(posts[1], ' ')
  reply[#reply + 1] = table.concat(posts[2], ' ')
  reply[#reply + 1] = since
end
return reply
`);
