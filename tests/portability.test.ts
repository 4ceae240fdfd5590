import { expect, test } from 'bun:test';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PORTABLE_SERVICES } from '../workers/archives/portable-services';

const ROOT = join(import.meta.dir, '..');
/** Services that store nothing about people: a catalogue, and archives, which hold copies. */
const IMPERSONAL = ['archives', 'video'];

test('an archive has the data of every service that stores any about people', () => {
  const services = globSync('services/*/main.ts', { cwd: ROOT }).map((path) => path.split('/')[1] ?? '');
  expect(services.toSorted()).toEqual([...PORTABLE_SERVICES, ...IMPERSONAL].toSorted());
  for (const service of PORTABLE_SERVICES) {
    expect([service, existsSync(join(ROOT, 'services', service, 'portability.ts'))]).toEqual([service, true]);
    const main = readFileSync(join(ROOT, 'services', service, 'main.ts'), 'utf8');
    expect([service, main.includes(`${service}Portability(`)]).toEqual([service, true]);
  }
});

test('every table of a service is exported, or named here with a reason', () => {
  // A new table of personal data must not be forgotten in the archive.
  const internal = /inbox|outbox|idempotency|migration/;
  const tables = globSync('services/*/{,*/}schema.ts', { cwd: ROOT })
    .filter((path) => !IMPERSONAL.includes(path.split('/')[1] ?? ''))
    .flatMap((path) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/(?:mysqlTable|restriction)\(\s*'([a-z_]+)'/g)].map(
        ([, table = '']) => `${path.split('/')[1]}.${table}`,
      ),
    )
    .filter((table) => !internal.test(table));
  expect(tables.toSorted()).toEqual([...EXPORTED, ...Object.keys(NOT_EXPORTED)].toSorted());
});

const EXPORTED = [
  'accounts.accounts',
  'accounts.entries',
  'accounts.transfers',
  'auth.consents',
  'auth.passkeys',
  'auth.recovery_codes',
  'auth.sessions',
  'auth.totp_secrets',
  'billing.invoices',
  'chat.messages',
  'chat.room_invitations',
  'chat.room_members',
  'chat.rooms',
  'mail.mails',
  'media.category',
  'media.media',
  'media.media_avatar',
  'media.media_tag',
  'media.media_tags_media',
  'media.media_version',
  'notifications.notification_actors',
  'notifications.notifications',
  'notifications.settings',
  'payments.payments',
  'payments.refunds',
  'playlists.playlist_videos',
  'playlists.playlists',
  'resumes.resumes',
  'timelines.bookmarks',
  'timelines.post_hashtags',
  'timelines.post_mentions',
  'timelines.posts',
  'users.blocks',
  'users.follow_requests',
  'users.follows',
  'users.mutes',
  'users.roles',
  'users.user_roles',
  'users.users',
];

/** Why a table is not in an archive. */
const NOT_EXPORTED = {
  'mail.bounces': 'counts of failed deliveries, by address',
  'media.media_post': 'derived from the posts',
  'notifications.ended_objects': 'positions of the system',
  'accounts.erased_people': 'of people who have left',
  'auth.app_tokens': 'secrets',
  'auth.apps': 'of nobody: who has allowed them is in the consents',
  'auth.authorization_codes': 'secrets',
  'auth.browser_sessions': 'secrets',
  'auth.credentials': 'secrets; the rest is the profile of users',
  'auth.device_codes': 'secrets',
  'auth.foreign_sign_ins': 'secrets',
  'auth.identities': 'not written yet',
  'auth.passkey_challenges': 'secrets',
  'auth.password_resets': 'secrets',
  'auth.pending_sign_ins': 'secrets',
  'auth.refresh_tokens': 'secrets',
  'auth.revoked_tokens': 'secrets',
  'auth.signing_keys': 'secrets of the system',
  'billing.invoice_numbers': 'a counter of the system',
  'chat.changes': 'the numbers of edits, which the messages contain',
  'mail.daily_counts': 'counts of mails by hash of a mailbox, deleted after two days',
  'mail.unsubscriptions': 'hashes of addresses',
  'media.media_blob': 'reference counts of the system',
  'media.media_size': 'derived from the files',
  'media.media_usage': 'derived from the files',
  'media.resumable_part': 'unfinished uploads',
  'media.resumable_upload': 'unfinished uploads',
  'notifications.blocks': 'a replica of users',
  'notifications.mutes': 'a replica of users',
  'notifications.people': 'a replica of users',
  'notifications.recipients': 'positions of the system',
  'payments.payment_events': 'the state history, whose last state is exported',
  'payments.provider_charges': 'the records of the mock provider',
  'payments.provider_refunds': 'the records of the mock provider',
  'payments.webhook_events': 'ids of events of the provider',
  'playlists.owners': 'a counter',
  'resumes.owners': 'a counter',
  'timelines.blocks': 'a replica of users',
  'timelines.follows': 'a replica of users',
  'timelines.mutes': 'a replica of users',
  'timelines.people': 'a replica of users',
  'timelines.stream_authors': 'positions of the system',
  'timelines.stream_entries': 'positions of the system',
  'timelines.stream_head': 'positions of the system',
  'users.audit_log': 'about operators, who answer for it',
  'users.audit_personal_values': 'values of the profile before a change by an operator',
  'users.authorization_changes': 'a queue of the system',
  'users.email_verifications': 'secrets',
  'users.permissions': 'of roles, not of people',
  'users.role_permissions': 'of roles, not of people',
  'users.unlocked_profiles': 'a queue of the system',
};
