import { MAX_DIGEST_SECONDS } from '../rules';
import { script } from './library';

/** `post, person, author, message id, message, now, delay, job id, job`: returns 1 when the author is notified. */
export const ACCEPT_LIKE = script(`
local post, person, author = ARGV[2], ARGV[3], ARGV[4]
if not redis.call('ZSCORE', key('post', post), person) then return 0 end
if redis.call('SADD', key('told', person), post) == 0 then return 0 end
send('rabbitmq', ARGV[5], ARGV[6])
redis.call('RPUSH', key('untold', author), post .. ' ' .. person)
if redis.call('EXISTS', key('digest', author)) == 0 then
  local delay = tonumber(redis.call('GET', key('digest-window', author)) or ARGV[8])
  schedule_digest(author, delay, tonumber(ARGV[7]), ARGV[9], ARGV[10])
end
return 1
`);

/**
 * `author, claim, limit, maximum, time to live, now, delay, job id, job`: moves up to `limit` likes into the claim. Returns
 * 1 when the claim is complete or has the maximum, and 0 when it must be called again: in batches, because a script blocks
 * Redis.
 */
export const CLAIM_UNMAILED = script(`
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
local delay = tonumber(redis.call('GET', key('digest', author)) or ARGV[8])
if more then
  schedule_digest(author, delay, tonumber(ARGV[7]), ARGV[9], ARGV[10])
else
  redis.call('DEL', key('digest', author))
end
if claimed > 0 then
  redis.call('SET', state, 'whole', 'EX', ARGV[6])
  local window = math.min(2 * delay, ${MAX_DIGEST_SECONDS})
  if window > 0 then redis.call('SET', key('digest-window', author), window, 'EX', window) end
end
return 1
`);

/** `claim, time to live[, message id, message]`: empties the claim; the message is sent unless it was sent before. */
export const CONFIRM_CLAIM = script(`
local claim = key('claim', ARGV[2])
if redis.call('EXISTS', claim) == 1 and ARGV[4] then send('rabbitmq', ARGV[4], ARGV[5]) end
redis.call('DEL', claim)
redis.call('SET', key('claim', ARGV[2], 'state'), 'confirmed', 'EX', ARGV[3])
return 1
`);
