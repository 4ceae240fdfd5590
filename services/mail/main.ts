import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { createSealer } from '#kit/auth/sealing';
import { createServiceTokenVerifier } from '#kit/auth/service-token';
import { developmentFlag, integer, readEnv, text } from '#kit/config/environment';
import { mysqlFields, secretFields, serviceFields } from '#kit/config/fields';
import { listOf, optionalDatabaseUrl, publicUrl } from '#kit/config/urls';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openServiceDatabase } from '#kit/mysql/service-database';
import { serveService, startService } from '#kit/service';
import { mail } from '.';
import type { MailDeps } from './deps';
import { mailGrpc } from './grpc';
import { mailPortability } from './portability';
import { deleteOldMailsPeriodically } from './service';
import { subscribe } from './subscriptions';
import { createSuppressionCounter } from './suppression';

/** The worker's timeout for sending is a minute. */
const CLAIM_MS = 90_000;

/** Mails of a category to one mailbox a day; 0 sends none. */
const DAILY = { min: 0, max: 100_000 };

const env = readEnv({
  ...serviceFields(6100),
  ...secretFields,
  ...mysqlFields,
  MAIL_DB_NAME: text('rookery_mail'),
  MAIL_DATABASE_URL: optionalDatabaseUrl(),
  MAILS_KEPT_DAYS: integer(90, { min: 1, max: 3650 }),
  MAIL_CALLERS: text(''),
  MAIL_UNVERIFIED: developmentFlag('sends mail to addresses that nobody has confirmed'),
  MAILS_PER_DAY_VERIFICATION: integer(10, DAILY),
  MAILS_PER_DAY_SECURITY: integer(20, DAILY),
  MAILS_PER_DAY_TRANSACTIONAL: integer(500, DAILY),
  MAILS_PER_DAY_LIKES: integer(50, DAILY),
  MAILS_PER_DAY_NOTIFICATIONS: integer(50, DAILY),
  PUBLIC_URL: publicUrl('http://127.0.0.1:8080'),
});

const { runtime, rabbit, tokens, grpcClient } = await startService('mail', env);
const database = await openServiceDatabase(runtime, env, {
  name: env.MAIL_DB_NAME,
  url: env.MAIL_DATABASE_URL,
  migrations: `${import.meta.dir}/migrations`,
});
const deps: MailDeps = {
  runtime,
  database,
  outbox: relayOutbox(runtime, database, { rabbit }),
  sealer: createSealer(env.INTERNAL_SECRET, 'unsubscribe'),
  publicUrl: env.PUBLIC_URL,
  claimMs: CLAIM_MS,
  users: grpcClient('users', UsersServiceDefinition),
  mailsUnverified: env.MAIL_UNVERIFIED ?? env.NODE_ENV !== 'production',
  dailyLimits: {
    verification: env.MAILS_PER_DAY_VERIFICATION,
    security: env.MAILS_PER_DAY_SECURITY,
    transactional: env.MAILS_PER_DAY_TRANSACTIONAL,
    likes: env.MAILS_PER_DAY_LIKES,
    notifications: env.MAILS_PER_DAY_NOTIFICATIONS,
  },
  countSuppressed: createSuppressionCounter(runtime),
  tokens,
  verifyService: createServiceTokenVerifier({ audience: 'mail', identity: runtime.identity }),
  callers: listOf(env.MAIL_CALLERS),
};
deleteOldMailsPeriodically(deps, env.MAILS_KEPT_DAYS);
subscribe(deps, rabbit);
await serveService(runtime, env, { app: mail(deps), grpc: [mailGrpc(deps), mailPortability(deps)] });
