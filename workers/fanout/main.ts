import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/config/environment';
import { beanstalkdFields, workerFields } from '#kit/config/fields';
import { startJobWorker } from '#kit/worker';
import { fanoutWorker } from '.';

const env = readEnv({ ...workerFields(7102), ...beanstalkdFields });
const { runtime, beanstalkd, grpcClient, run } = await startJobWorker('fanout', env);
run(fanoutWorker({ runtime, timelines: grpcClient('timelines', TimelinesServiceDefinition), beanstalkd }));
