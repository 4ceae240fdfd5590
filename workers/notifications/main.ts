import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/config/environment';
import { amqpFields, workerFields } from '#kit/config/fields';
import { startEventWorker } from '#kit/worker';
import { notificationsWorker } from '.';

const env = readEnv({ ...workerFields(7108), ...amqpFields });
const { grpcClient, run, runtime } = await startEventWorker('notifications-worker', env);
run(
  notificationsWorker({
    metrics: runtime.metrics,
    notifications: grpcClient('notifications', NotificationsServiceDefinition),
    timelines: grpcClient('timelines', TimelinesServiceDefinition),
  }),
);
