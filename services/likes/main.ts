import { LIKES_FAMILY } from '#contracts/changes/likes';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { integer, readEnv } from '#kit/config/environment';
import { beanstalkdAddresses, beanstalkdFields, redisFields, serviceFields } from '#kit/config/fields';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { openRedis } from '#kit/redis/client';
import { serveService, startService } from '#kit/service';
import { likes } from '.';
import type { LikesDeps } from './deps';
import { likesGrpc } from './grpc';
import { createPersonLookup } from './people';
import { likesPortability } from './portability';
import { createPostCheck } from './post-check';
import { announcePresence } from './presence';
import { relayRedisOutbox } from './redis-outbox';
import { subscribe } from './subscriptions';
import { createVisiblePostLookup } from './visible-posts';

const env = readEnv({
  ...serviceFields(8004),
  ...redisFields,
  ...beanstalkdFields,
  LIKES_DIGEST_SECONDS: integer(10, { min: 0, max: 86_400 }),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('likes', env);
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: true });
const storage = { redis, prefix: redis.family(LIKES_FAMILY) };
const beanstalkd = openBeanstalkd(runtime, { addresses: beanstalkdAddresses(env), required: false });
const timelines = grpcClient('timelines', TimelinesServiceDefinition);
const deps: LikesDeps = {
  runtime,
  storage,
  outbox: relayRedisOutbox(runtime, storage, { beanstalkd, rabbit }),
  findPerson: createPersonLookup(grpcClient('users', UsersServiceDefinition), Date.now),
  checkPost: createPostCheck(runtime, timelines),
  findVisiblePosts: createVisiblePostLookup(runtime, timelines),
  digestSeconds: env.LIKES_DIGEST_SECONDS,
  now: Date.now,
  tokens,
};
subscribe(deps, rabbit);
announcePresence(runtime, storage);
await serveService(runtime, env, {
  app: likes(deps),
  grpc: [likesGrpc(deps), likesPortability({ storage, timelines })],
});
