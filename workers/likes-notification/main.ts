import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { openBeanstalkd } from '#kit/beanstalkd';
import { readEnv, text } from '#kit/env';
import { beanstalkdFields, smtpFields, workerFields } from '#kit/env-fields';
import { createGrpcClient } from '#kit/grpc-client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry-client';
import { runJobWorker, serveOperations } from '#kit/worker';
import { likesNotificationWorker } from '.';
import { openMailer } from './mail';

const env = readEnv({
  ...workerFields(7104),
  ...beanstalkdFields,
  ...smtpFields,
  MAIL_FROM: text('Rookery <no-reply@rookery.example>'),
});
const runtime = await startProcess('likes-notification', env);
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const found = { registry, internalSecret: env.INTERNAL_SECRET };
const deps = {
  likes: createGrpcClient(runtime, { service: 'likes', definition: LikesServiceDefinition, ...found }),
  timelines: createGrpcClient(runtime, {
    service: 'timelines',
    definition: TimelinesServiceDefinition,
    ...found,
  }),
  users: createGrpcClient(runtime, { service: 'users', definition: UsersServiceDefinition, ...found }),
  mailer: openMailer(runtime, env),
};
const address = { host: env.BEANSTALKD_HOST, port: env.BEANSTALKD_PORT };
const beanstalkd = openBeanstalkd(runtime, { address, required: true });
runJobWorker(runtime, likesNotificationWorker(deps), beanstalkd);
serveOperations(runtime, env);
