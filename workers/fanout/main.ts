import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/config/environment';
import { beanstalkdFields, workerFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry/client';
import { runJobWorker, serveOperations } from '#kit/worker';
import { fanoutWorker } from '.';

const env = readEnv({ ...workerFields(7102), ...beanstalkdFields });
const runtime = await startProcess('fanout', env);
const timelines = createGrpcClient(runtime, {
  service: 'timelines',
  definition: TimelinesServiceDefinition,
  registry: watchRegistry(runtime, { urls: env.REGISTRY_URL }),
  internalSecret: env.INTERNAL_SECRET,
});
const address = { host: env.BEANSTALKD_HOST, port: env.BEANSTALKD_PORT };
const beanstalkd = openBeanstalkd(runtime, { address, required: true });
runJobWorker(runtime, fanoutWorker({ runtime, timelines, beanstalkd }), beanstalkd);
serveOperations(runtime, env);
