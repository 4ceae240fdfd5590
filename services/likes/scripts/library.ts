import { redisScript } from '#kit/redis/script';
import { LOST_JOB_SECONDS, WINDOWS } from '../rules';

/**
 * Every change of likes is one script, so that a post's likers, a person's list, the rankings and the messages that follow
 * from a like change atomically. `KEYS[1]` is the prefix of all keys, with which the others are computed inside the scripts:
 * in a Redis Cluster it is their hash tag, so all likes are on one server. `ARGV[1]` is the command that publishes to the
 * channel `<prefix>:changes` (`contracts/changes/likes`), which every change of a like does.
 *
 *   post:<post>                  sorted set: person -> time in milliseconds. The source of truth; all else is derived
 *   person:<person>              sorted set: post -> time
 *   pending:<post>               sorted set: person -> time of likes that are not validated, which nobody else sees
 *   pending-of:<person>          sorted set: post -> time of the same
 *   popular:all                  sorted set: post -> likes
 *   popular:<window>             sorted set: post -> points
 *   standing:<window>            sorted set: post -> likes in the window
 *   standing:<window>:<step>     sorted set: post -> likes in one step of the window
 *   step:<window>                the step up to which the window was advanced
 *   told:<person>                set: posts whose authors were notified in the app of this person's like
 *   untold:<author>              list: post and person of each like the author was not mailed about
 *   digest:<author>              exists while a digest job is pending: its delay in seconds
 *   digest-window:<author>       exists while likes keep arriving: delay of the next job in seconds
 *   claim:<claim>                list: post and person of each like of one digest, oldest first
 *   claim:<claim>:state          `whole` once it is complete, `confirmed` once its mail was requested
 *   outbox:<broker>              sorted set: message id -> time from which it may be claimed
 *   outbox:<broker>:messages     hash: message id -> outbox entry
 *
 * Windows advance in steps. A like is worth as many points as its window has steps, one less with every step, and
 * nothing once it has left the window. So at the start of a step each post loses one point for every like it has in the
 * window, and then the likes of the step that left the window are removed. All numbers are integers, and what a like is
 * still worth follows from its time: removing it subtracts exactly that. Sums of exponentially decayed weights would need
 * no steps, but would never return exactly to a previous value.
 */
const LIBRARY = `
local prefix, publish = KEYS[1], ARGV[1]
local function key(...) return prefix .. table.concat({ ... }, ':') end

local windows = {
${WINDOWS.map(({ name, steps, stepMs }) => `  { name = '${name}', steps = ${steps}, step_ms = ${stepMs} },`).join('\n')}
}

local function add(ranking, post, by)
  if tonumber(redis.call('ZINCRBY', ranking, by, post)) <= 0 then redis.call('ZREM', ranking, post) end
end

local function set_score(ranking, post, number)
  if number > 0 then redis.call('ZADD', ranking, number, post) else redis.call('ZREM', ranking, post) end
end

local function subtract(ranking, other)
  redis.call('ZUNIONSTORE', ranking, 2, ranking, other, 'WEIGHTS', 1, -1)
  redis.call('ZREMRANGEBYSCORE', ranking, '-inf', 0)
end

local function step_key(window, step) return key('standing', window.name, string.format('%d', step)) end

-- Advances a window to the present and returns its step. A clock that lags does not move it back.
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

-- Updates the rankings after a like given at a time was added (by 1) or removed (by -1).
local function rank(post, at, by, now)
  set_score(key('popular', 'all'), post, total(post))
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

-- Notifies those who remember likes. First of all writes of a change: a script that fails halfway is not rolled back.
local function changed(post, person) redis.call(publish, key('changes'), post .. ' ' .. person) end

local function place(post, person, at, now)
  changed(post, person)
  redis.call('ZADD', key('post', post), at, person)
  redis.call('ZADD', key('person', person), at, post)
  rank(post, at, 1, now)
end

local function pend(post, person, at)
  changed(post, person)
  redis.call('ZADD', key('pending', post), at, person)
  redis.call('ZADD', key('pending-of', person), at, post)
end

-- Removes a pending like and returns its time.
local function unpend(post, person)
  local at = tonumber(redis.call('ZSCORE', key('pending', post), person))
  if at then
    changed(post, person)
    redis.call('ZREM', key('pending', post), person)
    redis.call('ZREM', key('pending-of', person), post)
  end
  return at
end

local function remove(post, person, now)
  local at = tonumber(redis.call('ZSCORE', key('post', post), person))
  if not at then return 0 end
  changed(post, person)
  redis.call('ZREM', key('post', post), person)
  redis.call('ZREM', key('person', person), post)
  rank(post, at, -1, now)
  return 1
end

-- Corrects a person's list where it differs from the likers of a post.
local function list(post, person, at)
  if tonumber(redis.call('ZSCORE', key('person', person), post)) == at then return end
  changed(post, person)
  if at then redis.call('ZADD', key('person', person), at, post) else redis.call('ZREM', key('person', person), post) end
end

local function send(broker, id, message)
  redis.call('HSET', key('outbox', broker, 'messages'), id, message)
  redis.call('ZADD', key('outbox', broker), 0, id)
end

-- Schedules an author's digest job. Should it get lost, a like an hour after its time schedules another one.
local function schedule_digest(author, seconds, now, id, envelope)
  redis.call('SET', key('digest', author), seconds, 'EX', seconds + ${LOST_JOB_SECONDS})
  local due = string.format('%d', now + seconds * 1000)
  send('beanstalkd', id, '{"due_at_ms":' .. due .. ',"envelope":' .. envelope .. '}')
end
`;

/** A script that can call the functions of the library. */
export const script = (body: string) => redisScript(LIBRARY + body);
