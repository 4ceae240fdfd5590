import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { readEnv } from '#kit/env';
import { amqpFields, workerFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
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
