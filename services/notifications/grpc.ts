import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { grpcService } from '#kit/grpc-server';
import { validated } from '#kit/validation';
import type { LiveNotifications } from './live';
import { Notices } from './model';
import { type NotificationsDeps, record } from './service';

/** What the worker that turns events into notifications asks. */
export const notificationsGrpc = (deps: NotificationsDeps & { live: LiveNotifications }) =>
  grpcService(NotificationsServiceDefinition, {
    async record({ notices }) {
      const changed = await record(deps, validated(Notices, notices));
      deps.live.tell(changed);
      return { recorded: changed.length };
    },
  });
