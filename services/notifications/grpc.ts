import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { grpcService } from '#kit/grpc-server';
import { validated } from '#kit/validation';
import type { LiveNotifications } from './live';
import { HearingQuestion, Notices } from './model';
import { record } from './recording';
import { type NotificationsDeps, readHearing } from './service';

/** What the workers ask that tell people of things. */
export const notificationsGrpc = (deps: NotificationsDeps & { live: LiveNotifications }) =>
  grpcService(NotificationsServiceDefinition, {
    async record({ notices }) {
      const changed = await record(deps, validated(Notices, notices));
      deps.live.tell(changed);
      return { recorded: changed.length };
    },
    async getHearing(request) {
      const { user_id: userId, type, actor_ids: actorIds } = validated(HearingQuestion, request);
      const { delivery, unheardIds } = await readHearing(deps, { userId, type, actorIds });
      return { delivery, unheard_ids: unheardIds };
    },
  });
