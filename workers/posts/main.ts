import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { openBeanstalkd } from '#kit/beanstalkd';
import { readEnv } from '#kit/env';
import { beanstalkdFields, workerFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry-client';
import { runJobWorker, serveOperations } from '#kit/worker';
import { postsWorker } from '.';

const env = readEnv({ ...workerFields(7101), ...beanstalkdFields });
const runtime = await startProcess('posts', env);
const timelines = createGrpcClient(runtime, {
  service: 'timelines',
  definition: TimelinesServiceDefinition,
  registry: watchRegistry(runtime, { urls: env.REGISTRY_URL }),
  internalSecret: env.INTERNAL_SECRET,
});
const address = { host: env.BEANSTALKD_HOST, port: env.BEANSTALKD_PORT };
const beanstalkd = openBeanstalkd(runtime, { address, required: true });
runJobWorker(runtime, postsWorker({ timelines }), beanstalkd);
serveOperations(runtime, env);
