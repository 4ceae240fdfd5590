import { script } from './library';

/** `broker, limit, lease in milliseconds`: leases messages; returns the id and the entry of each. */
export const CLAIM_MESSAGES = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local outbox = key('outbox', ARGV[2])
local reply = {}
for _, id in ipairs(redis.call('ZRANGE', outbox, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  redis.call('ZADD', outbox, now + ARGV[4], id)
  reply[#reply + 1] = id
  reply[#reply + 1] = redis.call('HGET', key('outbox', ARGV[2], 'messages'), id) or ''
end
return reply
`);

/** `broker, retry in milliseconds, number sent, id sent…, id unsent…`: removes the sent ones, retries the others. */
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
