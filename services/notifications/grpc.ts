import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { LiveNotifications } from './live';
import { HearingQuestion, ListQuestion, Notices } from './model';
import { record } from './recording';
import { listNotifications, type NotificationsDeps, readHearing, readSettings } from './service';

const MOST_OF_A_PAGE = 100;

/** What the workers ask that tell people of things, and users for the copy of their data. */
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
    async listNotifications(request) {
      const { user_id: id, cursor } = validated(ListQuestion, request);
      const page = await listNotifications(
        deps,
        { id },
        { limit: MOST_OF_A_PAGE, ...(cursor && { cursor }) },
      );
      return {
        notifications: page.items,
        next_cursor: page.next_cursor ?? undefined,
        settings: await readSettings(deps, { id }),
      };
    },
  });
