import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/config/environment';
import { beanstalkdFields, workerFields } from '#kit/config/fields';
import { startJobWorker } from '#kit/worker';
import { likesValidationWorker } from '.';

const env = readEnv({ ...workerFields(7103), ...beanstalkdFields });
const { grpcClient, run } = await startJobWorker('likes-validation', env);
run(
  likesValidationWorker({
    timelines: grpcClient('timelines', TimelinesServiceDefinition),
    likes: grpcClient('likes', LikesServiceDefinition),
    now: Date.now,
  }),
);
