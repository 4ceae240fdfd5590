import { redisScript } from '#kit/redis/script';
import { LONGEST_DIGEST_SECONDS, LOST_JOB_SECONDS, WINDOWS } from './rules';

/**
 * Every change of likes is one of these scripts, so that a post's likers, a person's list, the rankings and the
 * messages that follow from a like change together or not at all. `ARGV[1]` is the prefix of all keys; they are made
 * inside, so this needs a Redis that is not a cluster.
 *
 *   post:<post>                  sorted set: who likes it -> when, in milliseconds. The truth; all else follows from it
 *   person:<person>              sorted set: what they like -> when
 *   popular:all                  sorted set: post -> likes
 *   popular:<window>             sorted set: post -> points
 *   standing:<window>            sorted set: post -> likes within the window
 *   standing:<window>:<step>     sorted set: post -> those of one step of the window
 *   step:<window>                the step up to which the window has been brought
 *   told:<person>                set: posts whose authors have been told of this person's like in the app
 *   untold:<author>              list: post and person of each like the author has not been told of by mail
 *   digest:<author>              while a job that will tell the author is under way: after how many seconds it does
 *   digest-window:<author>       while likes keep coming: seconds until the next job tells of them
 *   claim:<claim>                list: post and person of each like one job tells of, the oldest first
 *   claim:<claim>:state          `whole` once nothing is added to it any more, `confirmed` once it was told of
 *   outbox:<broker>              sorted set: message -> time from which it may be sent
 *   outbox:<broker>:messages     hash: message -> what is sent
 *
 * Windows: time goes in steps. A like is worth as many points as its window has steps, one less with each step, and
 * nothing once it has left the window. So when a step begins, each post loses as many points as it has likes standing
 * in the window, and then those of the step that has ended leave. All numbers are whole, and what a like is still
 * worth follows from when it was given: taking it back takes exactly that. Sums of exponentially decayed weights would
 * need no steps, but never come back to what they were.
 */
const LIBRARY = `
local prefix = ARGV[1]
local function key(...) return prefix .. ':' .. table.concat({ ... }, ':') end

local windows = {
${WINDOWS.map(({ name, steps, stepMs }) => `  { name = '${name}', steps = ${steps}, step_ms = ${stepMs} },`).join('\n')}
}

local function add(ranking, post, by)
  if tonumber(redis.call('ZINCRBY', ranking, by, post)) <= 0 then redis.call('ZREM', ranking, post) end
end

local function place(ranking, post, number)
  if number > 0 then redis.call('ZADD', ranking, number, post) else redis.call('ZREM', ranking, post) end
end

local function subtract(ranking, other)
  redis.call('ZUNIONSTORE', ranking, 2, ranking, other, 'WEIGHTS', 1, -1)
  redis.call('ZREMRANGEBYSCORE', ranking, '-inf', 0)
end

local function step_key(window, step) return key('standing', window.name, string.format('%d', step)) end

-- Brings a window to the present and answers its step. A clock that is behind does not bring it back.
local function advance(window, now)
  local present = math.floor(now / window.step_ms)
  local known = key('step', window.name)
  local step = tonumber(redis.call('GET', known)) or present
  local points, standing = key('popular', window.name), key('standing', window.name)
  if present - step > window.steps then
    for old = step - window.steps, step + 1 do redis.call('DEL', step_key(window, old)) end
    redis.call('DEL', points, standing)
    step = present
  end
  while step < present do
    step = step + 1
    subtract(points, standing)
    subtract(standing, step_key(window, step - window.steps))
    redis.call('DEL', step_key(window, step - window.steps))
  end
  redis.call('SET', known, step)
  return step
end

local function total(post) return redis.call('ZCARD', key('post', post)) end

-- After a like was added (by 1) or taken away (by -1) that was given at a time.
local function rank(post, at, by, now)
  place(key('popular', 'all'), post, total(post))
  for _, window in ipairs(windows) do
    local liked = math.floor(at / window.step_ms)
    local points = window.steps - (advance(window, now) - liked)
    if points > 0 then
      add(step_key(window, liked), post, by)
      add(key('standing', window.name), post, by)
      add(key('popular', window.name), post, by * points)
    end
  end
end

local function remove(post, person, now)
  local at = tonumber(redis.call('ZSCORE', key('post', post), person))
  if not at then return 0 end
  redis.call('ZREM', key('post', post), person)
  redis.call('ZREM', key('person', person), post)
  rank(post, at, -1, now)
  return 1
end

local function send(broker, id, message)
  redis.call('HSET', key('outbox', broker, 'messages'), id, message)
  redis.call('ZADD', key('outbox', broker), 0, id)
end

-- Puts the job that writes to an author after so many seconds; should it be lost, a like after an hour more brings another.
local function tell_later(author, seconds, now, id, envelope)
  redis.call('SET', key('digest', author), seconds, 'EX', seconds + ${LOST_JOB_SECONDS})
  local due = string.format('%d', now + seconds * 1000)
  send('beanstalkd', id, '{"due_at_ms":' .. due .. ',"envelope":' .. envelope .. '}')
end
`;

/** A script that can use the functions above. */
export const script = (body: string) => redisScript(LIBRARY + body);

/** `post, person, now, message id, message`: whether it is the first time, and the likes of the post. */
export const ADD_LIKE = script(`
local post, person, now = ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('ZSCORE', key('post', post), person) then return { 0, total(post) } end
-- No two likes of a person are of one millisecond, so that the time alone says where a page of them ends.
local newest = redis.call('ZRANGE', key('person', person), 0, 0, 'REV', 'WITHSCORES')
local at = math.max(now, (tonumber(newest[2]) or 0) + 1)
redis.call('ZADD', key('post', post), at, person)
redis.call('ZADD', key('person', person), at, post)
rank(post, at, 1, now)
send('beanstalkd', ARGV[5], ARGV[6])
return { 1, total(post) }
`);

/** `post, person, now[, message id, message]`: 1 when there was such a like; only then the message is sent. */
export const REMOVE_LIKE = script(`
local removed = remove(ARGV[2], ARGV[3], tonumber(ARGV[4]))
if removed == 1 and ARGV[5] then send('rabbitmq', ARGV[5], ARGV[6]) end
return removed
`);

/** `viewer or '', post…`: for each post its likes, and 1 when one is the viewer's. */
export const READ_COUNTS = script(`
local answer = {}
for index = 3, #ARGV do
  local mine = ARGV[2] ~= '' and redis.call('ZSCORE', key('post', ARGV[index]), ARGV[2])
  answer[#answer + 1] = total(ARGV[index])
  answer[#answer + 1] = mine and 1 or 0
end
return answer
`);

/** `ranking, now, limit`: posts with their likes, best first. */
export const READ_POPULAR = script(`
for _, window in ipairs(windows) do
  if window.name == ARGV[2] then advance(window, tonumber(ARGV[3])) end
end
local answer = {}
for _, post in ipairs(redis.call('ZRANGE', key('popular', ARGV[2]), 0, ARGV[4] - 1, 'REV')) do
  answer[#answer + 1] = post
  answer[#answer + 1] = total(post)
end
return answer
`);

/** `person, now, limit`: takes back so many of a person's likes; 0 when there were none left and all else is gone. */
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

/** `post, now, limit`: takes back so many of a post's likes; 0 when there were none left. */
export const ERASE_POST = script(`
local people = redis.call('ZRANGE', key('post', ARGV[2]), 0, ARGV[4] - 1)
for _, person in ipairs(people) do
  remove(ARGV[2], person, tonumber(ARGV[3]))
  redis.call('SREM', key('told', person), ARGV[2])
end
return #people
`);

/** `post, person, author, message id, message, now, seconds, job id, job`: 1 when the author is told of it. */
export const ACCEPT_LIKE = script(`
local post, person, author = ARGV[2], ARGV[3], ARGV[4]
if not redis.call('ZSCORE', key('post', post), person) then return 0 end
if redis.call('SADD', key('told', person), post) == 0 then return 0 end
send('rabbitmq', ARGV[5], ARGV[6])
redis.call('RPUSH', key('untold', author), post .. ' ' .. person)
if redis.call('EXISTS', key('digest', author)) == 0 then
  local seconds = tonumber(redis.call('GET', key('digest-window', author)) or ARGV[8])
  tell_later(author, seconds, tonumber(ARGV[7]), ARGV[9], ARGV[10])
end
return 1
`);

/**
 * `author, claim, limit, most, seconds kept, now, seconds, job id, job`: takes up to `limit` likes into the claim. 1 when
 * that was all, or the claim has as many as it may, and 0 when it is to be called again: Redis answers nobody meanwhile.
 */
export const CLAIM_UNTOLD = script(`
local author, claim, state = ARGV[2], key('claim', ARGV[3]), key('claim', ARGV[3], 'state')
if redis.call('EXISTS', state) == 1 then return 1 end
local likes = {}
for _, like in ipairs(redis.call('LPOP', key('untold', author), ARGV[4]) or {}) do
  local post, person = string.match(like, '^(%S+) (%S+)$')
  if redis.call('ZSCORE', key('post', post), person) then likes[#likes + 1] = like end
end
if #likes > 0 then
  redis.call('RPUSH', claim, unpack(likes))
  redis.call('EXPIRE', claim, ARGV[6])
end
local claimed, more = redis.call('LLEN', claim), redis.call('EXISTS', key('untold', author)) == 1
if more and claimed < tonumber(ARGV[5]) then return 0 end
local waited = tonumber(redis.call('GET', key('digest', author)) or ARGV[8])
if more then
  tell_later(author, waited, tonumber(ARGV[7]), ARGV[9], ARGV[10])
else
  redis.call('DEL', key('digest', author))
end
if claimed > 0 then
  redis.call('SET', state, 'whole', 'EX', ARGV[6])
  local window = math.min(2 * waited, ${LONGEST_DIGEST_SECONDS})
  if window > 0 then redis.call('SET', key('digest-window', author), window, 'EX', window) end
end
return 1
`);

/** `claim, seconds[, message id, message]`: the claim is empty for so long; the message is sent if it was not before. */
export const CONFIRM_CLAIM = script(`
local claim = key('claim', ARGV[2])
if redis.call('EXISTS', claim) == 1 and ARGV[4] then send('rabbitmq', ARGV[4], ARGV[5]) end
redis.call('DEL', claim)
redis.call('SET', key('claim', ARGV[2], 'state'), 'confirmed', 'EX', ARGV[3])
return 1
`);

/** `broker, limit, milliseconds`: messages nobody else gets for that long, each with its id before it. */
export const CLAIM_MESSAGES = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local outbox = key('outbox', ARGV[2])
local answer = {}
for _, id in ipairs(redis.call('ZRANGE', outbox, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  redis.call('ZADD', outbox, now + ARGV[4], id)
  answer[#answer + 1] = id
  answer[#answer + 1] = redis.call('HGET', key('outbox', ARGV[2], 'messages'), id) or ''
end
return answer
`);

/** `broker, milliseconds, number sent, id sent…, id not sent…`: the latter may be tried again after so long. */
export const SETTLE_MESSAGES = script(`
local time = redis.call('TIME')
local again = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3]
local outbox = key('outbox', ARGV[2])
for index = 5, #ARGV do
  if index < 5 + ARGV[4] then
    redis.call('ZREM', outbox, ARGV[index])
    redis.call('HDEL', key('outbox', ARGV[2], 'messages'), ARGV[index])
  else
    redis.call('ZADD', outbox, 'XX', again, ARGV[index])
  end
end
return 1
`);
