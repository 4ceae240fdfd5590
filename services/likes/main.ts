import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { openBeanstalkd } from '#kit/beanstalkd';
import { integer, readEnv } from '#kit/env';
import { amqpFields, beanstalkdFields, redisFields, serviceFields, tokenFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { openRedis } from '#kit/redis';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { likes } from '.';
import { likesGrpc } from './grpc';
import { relayOutbox } from './outbox';
import { findPeople } from './people';
import { KEY_PREFIX } from './store';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(8004),
  ...redisFields,
  ...beanstalkdFields,
  ...amqpFields,
  ...tokenFields,
  LIKES_DIGEST_SECONDS: integer(10, { min: 0, max: 86_400 }),
});

const runtime = await startProcess('likes', env);
const storage = {
  redis: await openRedis(runtime, { url: env.REDIS_URL, required: true }),
  prefix: KEY_PREFIX,
};
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const beanstalkd = openBeanstalkd(runtime, {
  address: { host: env.BEANSTALKD_HOST, port: env.BEANSTALKD_PORT },
  required: false,
});
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const users = createGrpcClient(runtime, {
  service: 'users',
  definition: UsersServiceDefinition,
  registry,
  internalSecret: env.INTERNAL_SECRET,
});
const deps = {
  runtime,
  storage,
  outbox: relayOutbox(runtime, storage, { beanstalkd, rabbit }),
  findPerson: findPeople(users, Date.now),
  digestSeconds: env.LIKES_DIGEST_SECONDS,
  now: Date.now,
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
subscribe(deps, rabbit);
await serveService(runtime, env, { app: likes(deps), grpc: [likesGrpc(deps)] });
