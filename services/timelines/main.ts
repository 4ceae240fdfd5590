import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import { PollsServiceDefinition } from '#contracts/gen/polls/v1/polls';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { integer, readEnv, text } from '#kit/config/environment';
import {
  beanstalkdAddresses,
  beanstalkdFields,
  mysqlFields,
  redisFields,
  serviceFields,
  streamFields,
  streamLimits,
} from '#kit/config/fields';
import { optionalDatabaseUrl } from '#kit/config/urls';
import { trimIdempotencyKeys } from '#kit/http/idempotency';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { mysqlAddress } from '#kit/mysql/address';
import { openIdGenerator } from '#kit/mysql/ids/open-id-generator';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { openRedis } from '#kit/redis/client';
import { serveService, startService } from '#kit/service';
import { timelines } from '.';
import { openCaches } from './cache/open';
import type { TimelinesDeps } from './deps';
import { deliverInPlace } from './feeds/in-place';
import { createMergedAuthors } from './feeds/merged-authors';
import { createReaders } from './feeds/readers';
import { timelinesGrpc } from './grpc';
import { createLiveTimelines } from './live/service';
import { timelinesPortability } from './portability';
import { recountNightly } from './posts/maintenance/recount';
import { indexTextsInBackground } from './posts/maintenance/text-index';
import { subscribe } from './subscriptions';

const env = readEnv({
  ...serviceFields(5200),
  ...mysqlFields,
  ...redisFields,
  ...beanstalkdFields,
  TIMELINES_DB_NAME: text('microblog_timelines'),
  TIMELINES_DATABASE_URL: optionalDatabaseUrl(),
  POST_MAX_LENGTH: integer(500, { min: 1, max: 5_000 }),
  HOME_SIZE: integer(800, { min: 100, max: 1_000 }),
  ...streamFields,
  FANOUT_FOLLOWERS_LIMIT: integer(10_000, { min: 1, max: 10_000_000 }),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('timelines', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.TIMELINES_DB_NAME,
  url: env.TIMELINES_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const beanstalkd = openBeanstalkd(runtime, { addresses: beanstalkdAddresses(env), required: false });
const redis = await openRedis(runtime, { url: env.REDIS_URL, required: false });
const likes = grpcClient('likes', LikesServiceDefinition);
const feeds = {
  runtime,
  database,
  redis,
  homeSize: env.HOME_SIZE,
  fanoutFollowersLimit: env.FANOUT_FOLLOWERS_LIMIT,
  mergedAuthors: createMergedAuthors(database),
};
const deps: TimelinesDeps = {
  ...feeds,
  ...openCaches({ runtime, database, likes }, redis),
  outbox: relayOutbox(runtime, database, { rabbit, beanstalkd: deliverInPlace(feeds, beanstalkd) }),
  users: grpcClient('users', UsersServiceDefinition),
  likes,
  media: grpcClient('media', MediaServiceDefinition),
  polls: grpcClient('polls', PollsServiceDefinition),
  nextId: await openIdGenerator(
    runtime,
    database,
    mysqlAddress(env, env.TIMELINES_DB_NAME, env.TIMELINES_DATABASE_URL),
  ),
  tokens,
  postMaxLength: env.POST_MAX_LENGTH,
  readers: createReaders(redis),
  feedBuilds: new Set(),
};
trimIdempotencyKeys(runtime, database);
recountNightly(deps);
indexTextsInBackground(deps);
subscribe(deps, rabbit, beanstalkd);
const live = createLiveTimelines(deps, streamLimits(env));
await serveService(runtime, env, {
  app: timelines(deps, live),
  grpc: [timelinesGrpc(deps), timelinesPortability(deps)],
  // The coldest path of the hottest routes: what one page of posts needs, from every server.
  warmUp: [{ path: '/posts?limit=20' }],
  drain: live.drain,
});
