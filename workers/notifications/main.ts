import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/config/environment';
import { amqpFields, workerFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry/client';
import { runEventWorker, serveOperations } from '#kit/worker';
import { notificationsWorker } from '.';

const env = readEnv({ ...workerFields(7108), ...amqpFields });
const runtime = await startProcess('notifications-worker', env);
const found = {
  registry: watchRegistry(runtime, { urls: env.REGISTRY_URL }),
  internalSecret: env.INTERNAL_SECRET,
};
const worker = notificationsWorker({
  notifications: createGrpcClient(runtime, {
    service: 'notifications',
    definition: NotificationsServiceDefinition,
    ...found,
  }),
  timelines: createGrpcClient(runtime, {
    service: 'timelines',
    definition: TimelinesServiceDefinition,
    ...found,
  }),
});
runEventWorker(runtime, worker, openRabbit(runtime, { url: env.AMQP_URL, required: true }));
serveOperations(runtime, env);
