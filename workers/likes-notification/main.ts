import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { readEnv, url } from '#kit/config/environment';
import { beanstalkdFields, workerFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry/client';
import { runJobWorker, serveOperations } from '#kit/worker';
import { likesNotificationWorker } from '.';

const env = readEnv({
  ...workerFields(7104),
  ...beanstalkdFields,
  PUBLIC_URL: url('http://127.0.0.1:8080'),
});
const runtime = await startProcess('likes-notification', env);
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const found = { registry, internalSecret: env.INTERNAL_SECRET };
const deps = {
  likes: createGrpcClient(runtime, { service: 'likes', definition: LikesServiceDefinition, ...found }),
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
  users: createGrpcClient(runtime, { service: 'users', definition: UsersServiceDefinition, ...found }),
  publicUrl: env.PUBLIC_URL.replace(/\/+$/, ''),
};
const address = { host: env.BEANSTALKD_HOST, port: env.BEANSTALKD_PORT };
const beanstalkd = openBeanstalkd(runtime, { address, required: true });
runJobWorker(runtime, likesNotificationWorker(deps), beanstalkd);
serveOperations(runtime, env);
