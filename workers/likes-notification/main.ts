import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { readEnv } from '#kit/config/environment';
import { beanstalkdFields, workerFields } from '#kit/config/fields';
import { publicUrl } from '#kit/config/urls';
import { startJobWorker } from '#kit/worker';
import { likesNotificationWorker } from '.';

const env = readEnv({
  ...workerFields(7104),
  ...beanstalkdFields,
  PUBLIC_URL: publicUrl('http://127.0.0.1:8080'),
});
const { grpcClient, run } = await startJobWorker('likes-notification', env);
run(
  likesNotificationWorker({
    likes: grpcClient('likes', LikesServiceDefinition),
    notifications: grpcClient('notifications', NotificationsServiceDefinition),
    timelines: grpcClient('timelines', TimelinesServiceDefinition),
    users: grpcClient('users', UsersServiceDefinition),
    publicUrl: env.PUBLIC_URL,
  }),
);
