import { LIKES_FAMILY } from '#contracts/changes/likes';
import { readEnv } from '#kit/config/environment';
import { processFields, redisFields } from '#kit/config/fields';
import { startProcess } from '#kit/process';
import { openRedis } from '#kit/redis/client';
import { copyLikes } from './copy';

// For operators, who move likes from one server to a cluster while the service is stopped:
// REDIS_URL=redis+cluster://… bun services/likes/copy-likes.ts redis://…
const env = readEnv({ ...processFields(0), ...redisFields });
const [url] = process.argv.slice(2);
if (url === undefined) throw new Error('Name the URL of the Redis with the likes');
const runtime = await startProcess('likes-copy', env);
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: true });
const keys = await copyLikes({ url }, { redis, prefix: redis.family(LIKES_FAMILY) });
runtime.log.info({ keys }, 'copied likes');
await runtime.close();
