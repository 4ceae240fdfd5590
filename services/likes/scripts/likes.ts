import { script } from './library';

/** `post, person, now, message id, message`: returns 1 for a new like and 0 for a repeat, and the likes of the post. */
export const ADD_LIKE = script(`
local post, person, now = ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('ZSCORE', key('post', post), person) then return { 0, total(post) } end
-- The times of a person's likes are unique, so that the time alone is a cursor of their list.
local newest = redis.call('ZRANGE', key('person', person), 0, 0, 'REV', 'WITHSCORES')
local at = math.max(now, (tonumber(newest[2]) or 0) + 1)
redis.call('ZADD', key('post', post), at, person)
redis.call('ZADD', key('person', person), at, post)
rank(post, at, 1, now)
send('beanstalkd', ARGV[5], ARGV[6])
return { 1, total(post) }
`);

/** `post, person, now[, message id, message]`: returns 1 when the like existed; only then the message is sent. */
export const REMOVE_LIKE = script(`
local removed = remove(ARGV[2], ARGV[3], tonumber(ARGV[4]))
if removed == 1 and ARGV[5] then send('rabbitmq', ARGV[5], ARGV[6]) end
return removed
`);

/** `viewer or '', post…`: returns for each post its likes, and 1 when the viewer likes it. */
export const READ_COUNTS = script(`
local reply = {}
for index = 3, #ARGV do
  local mine = ARGV[2] ~= '' and redis.call('ZSCORE', key('post', ARGV[index]), ARGV[2])
  reply[#reply + 1] = total(ARGV[index])
  reply[#reply + 1] = mine and 1 or 0
end
return reply
`);

/** `ranking, now, limit`: returns posts with their likes, highest score first. */
export const READ_POPULAR = script(`
for _, window in ipairs(windows) do
  if window.name == ARGV[2] then advance(window, tonumber(ARGV[3])) end
end
local reply = {}
for _, post in ipairs(redis.call('ZRANGE', key('popular', ARGV[2]), 0, ARGV[4] - 1, 'REV')) do
  reply[#reply + 1] = post
  reply[#reply + 1] = total(post)
end
return reply
`);

/** `person, now, limit`: removes likes of a person; returns how many, 0 once everything of the person is deleted. */
export const ERASE_PERSON = script(`
local person, now = ARGV[2], tonumber(ARGV[3])
local posts = redis.call('ZRANGE', key('person', person), 0, ARGV[4] - 1)
for _, post in ipairs(posts) do
  if remove(post, person, now) == 0 then redis.call('ZREM', key('person', person), post) end
end
if #posts == 0 then
  redis.call('UNLINK', key('told', person), key('untold', person), key('digest', person), key('digest-window', person))
end
return #posts
`);

/** `post, now, limit`: removes likes of a post; returns how many. */
export const ERASE_POST = script(`
local people = redis.call('ZRANGE', key('post', ARGV[2]), 0, ARGV[4] - 1)
for _, person in ipairs(people) do
  remove(ARGV[2], person, tonumber(ARGV[3]))
  redis.call('SREM', key('told', person), ARGV[2])
end
return #people
`);
