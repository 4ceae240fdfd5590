import { LIKES_FAMILY } from '#contracts/changes/likes';
import { readEnv } from '#kit/config/environment';
import { processFields, redisFields } from '#kit/config/fields';
import { startProcess } from '#kit/process';
import { openRedis } from '#kit/redis/client';
import { rebuild } from './rebuild';

// For operators, after likers of posts were restored or repaired; the service may run meanwhile.
const env = readEnv({ ...processFields(0), ...redisFields });
const runtime = await startProcess('likes-rebuild', env);
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: true });
const { posts, people } = await rebuild({ redis, prefix: redis.family(LIKES_FAMILY) }, Date.now);
runtime.log.info({ posts, people }, 'rebuilt rankings and lists from the likers of posts');
await runtime.close();
