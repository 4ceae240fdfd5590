import type { AnyElysia } from 'elysia';
import { accounts } from '../../services/accounts/index';
import { archives } from '../../services/archives/index';
import { auth } from '../../services/auth/index';
import { billing } from '../../services/billing/index';
import { chat } from '../../services/chat/index';
import { likes } from '../../services/likes/index';
import { mail } from '../../services/mail/index';
import { media } from '../../services/media/index';
import { notifications } from '../../services/notifications/index';
import { payments } from '../../services/payments/index';
import { playlists } from '../../services/playlists/index';
import { polls } from '../../services/polls/index';
import { resumes } from '../../services/resumes/index';
import { timelines } from '../../services/timelines/index';
import { users } from '../../services/users/index';
import { video } from '../../services/video/index';
import { testRuntime } from './servers';

/** In place of everything that a route needs to do its work: these apps describe themselves and do nothing. */
const nothing: unknown = new Proxy(() => undefined, { get: () => nothing, apply: () => nothing });

/** The apps of all services, with their routes and schemas, without anything behind them. */
export function describedApps(): Map<string, AnyElysia> {
  const apps = new Map<string, AnyElysia>();
  function add<Deps extends object>(name: string, create: (deps: Deps, other: never) => AnyElysia) {
    // Limits are part of the routes.
    const parts: Record<string, unknown> = { runtime: testRuntime(name), maxBytes: 1024 * 1024 };
    const deps = new Proxy(parts, { get: (known, part) => Reflect.get(known, part) ?? nothing });
    apps.set(name, create(deps as Deps, nothing as never));
  }
  add('accounts', accounts);
  add('archives', archives);
  add('auth', auth);
  add('billing', billing);
  add('chat', chat);
  add('likes', likes);
  add('mail', mail);
  add('media', media);
  add('notifications', notifications);
  add('payments', payments);
  add('playlists', playlists);
  add('polls', polls);
  add('resumes', resumes);
  add('timelines', timelines);
  add('users', users);
  add('video', video);
  return apps;
}
