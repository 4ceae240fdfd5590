import { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { NotificationsDeps } from './deps';
import type { LiveNotifications } from './live';
import { DeliveryRequest, ListRequest, Notices } from './model';
import { recordNotices } from './notices';
import { listNotifications, readDelivery, readSettings } from './service';

const MAX_PAGE_SIZE = 100;

/** The internal API of notifications: for the workers that notify people, and for the data export of users. */
export const notificationsGrpc = (deps: NotificationsDeps, live: LiveNotifications) =>
  grpcService(NotificationsServiceDefinition, {
    async record({ notices }) {
      const changed = await recordNotices(deps, validated(Notices, notices));
      live.wake(changed);
      return { recorded: changed.length };
    },
    async getHearing(request) {
      const { user_id: userId, type, actor_ids: actorIds } = validated(DeliveryRequest, request);
      const { delivery, suppressedIds } = await readDelivery(deps, { userId, type, actorIds });
      return { delivery, unheard_ids: suppressedIds };
    },
    async listNotifications(request) {
      const { user_id: id, cursor } = validated(ListRequest, request);
      const query = { limit: MAX_PAGE_SIZE, ...(cursor && { cursor }) };
      const page = await listNotifications(deps, { id }, query);
      return {
        notifications: page.items,
        next_cursor: page.next_cursor ?? undefined,
        settings: await readSettings(deps, { id }),
      };
    },
  });
