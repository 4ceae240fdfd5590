import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/config/environment';
import { beanstalkdFields, workerFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry/client';
import { runJobWorker, serveOperations } from '#kit/worker';
import { likesValidationWorker } from '.';

const env = readEnv({ ...workerFields(7103), ...beanstalkdFields });
const runtime = await startProcess('likes-validation', env);
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const found = { registry, internalSecret: env.INTERNAL_SECRET };
const deps = {
  timelines: createGrpcClient(runtime, {
    service: 'timelines',
    definition: TimelinesServiceDefinition,
    ...found,
  }),
  likes: createGrpcClient(runtime, { service: 'likes', definition: LikesServiceDefinition, ...found }),
  now: Date.now,
};
const address = { host: env.BEANSTALKD_HOST, port: env.BEANSTALKD_PORT };
const beanstalkd = openBeanstalkd(runtime, { address, required: true });
runJobWorker(runtime, likesValidationWorker(deps), beanstalkd);
serveOperations(runtime, env);
