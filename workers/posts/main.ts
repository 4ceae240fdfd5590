import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/config/environment';
import { beanstalkdFields, workerFields } from '#kit/config/fields';
import { startJobWorker } from '#kit/worker';
import { postsWorker } from '.';

const env = readEnv({ ...workerFields(7101), ...beanstalkdFields });
const { grpcClient, run } = await startJobWorker('posts', env);
run(postsWorker({ timelines: grpcClient('timelines', TimelinesServiceDefinition) }));
