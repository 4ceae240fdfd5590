import { expect, test } from 'bun:test';
import { randomInt } from 'node:crypto';
import { connect } from 'amqplib';
import { connectBeanstalkd } from '#kit/messaging/beanstalkd/connection';
import { parkedTube } from '#kit/messaging/beanstalkd/delivery';
import { parkedQueue } from '#kit/messaging/rabbit/topology';
import { parseProcfile } from '../../scripts/processes/procfile';
import { eventually } from '../support/eventually';
import { leaveMarks, registerMarked } from '../support/marked-person';
import { excerptAround, newMark, spellingsOf, spellingsOfId } from '../support/marks';
import { sharedSystem } from '../support/shared-system';
import { readStores } from '../support/stores';
import type { System } from '../support/system';

const START_MS = 240_000;
const ERASURE_MS = 60_000;

/** Some of the places where the words of a person stand before their erasure. */
const STORES = [
  'microblog_users.users',
  'microblog_timelines.posts',
  'dynamodb',
  'rookery_chat.messages',
  'queue mail.parked',
  'tube posts.parked',
  'MEDIA_STORAGE',
];

/** Where words of an erased person stay, by law or because they are also somebody else's. */
const KEPT_WORDS: Readonly<Record<string, string>> = {
  'rookery_billing.invoices.lines': 'an invoice is kept as it was issued, for as long as tax law says',
};

/** Where the id of an erased person stays. It is a number that leads to nobody then. */
const KEPT_IDS: Readonly<Record<string, string>> = {
  'microblog_timelines.people.id': 'a late event must not restore the person',
  'rookery_notifications.people.id': 'a late event must not restore the person',
  'rookery_accounts.erased_people.user_id': 'a late event must not open an account',
  'rookery_auth.credentials.user_id': 'a late event must not restore the credentials',
  'rookery_auth.revoked_tokens.subject': 'tokens stay revoked until they have expired',
  'microblog_users.outbox.aggregate_id': 'sent messages are listed without content for a day',
  'rookery_auth.outbox.aggregate_id': 'sent messages are listed without content for a day',
  'rookery_media.outbox.aggregate_id': 'sent messages are listed without content for a day',
  ...Object.fromEntries(
    ['auth', 'timelines', 'notifications-records', 'accounts', 'mail', 'notifications'].map((consumer) => [
      `queue ${consumer}.retry.`,
      'user.deleted waits for another search of what its consumer has parked',
    ]),
  ),
};

const placesOf = (kept: Readonly<Record<string, string>>) => Object.keys(kept);

async function findHeld(
  system: System,
  spellings: readonly (string | Buffer)[],
  kept: Readonly<Record<string, string>>,
) {
  const found: string[] = [];
  for await (const { place, bytes } of readStores(system.stack.environment)) {
    if (placesOf(kept).some((each) => place.startsWith(each))) continue;
    const excerpt = excerptAround(bytes, spellings);
    if (excerpt !== undefined) found.push(`${place}: ${excerpt}`);
  }
  return [...new Set(found)].toSorted();
}

async function findLogged(system: System, spellings: readonly string[]): Promise<string[]> {
  const procfile = await Bun.file(`${import.meta.dir}/../../Procfile`).text();
  return parseProcfile(procfile).flatMap(({ name }) =>
    system.instances(name).flatMap((instance) => {
      const excerpt = excerptAround(Buffer.from(instance.output()), spellings);
      return excerpt === undefined ? [] : [`log of ${name}: ${excerpt}`];
    }),
  );
}

/** Parks personal messages of somebody, between those of a stranger, where their consumers do. */
async function parkWords(system: System, id: string, words: string): Promise<void> {
  const { AMQP_URL = '', BEANSTALKD_HOST = '', BEANSTALKD_PORT } = system.stack.environment;
  const bytesOf = (name: string, user_id: string, text: string) =>
    Buffer.from(JSON.stringify({ name, data: { user_id, text } }));
  const connection = await connect(AMQP_URL);
  const channel = await connection.createConfirmChannel();
  for (const [consumer, name] of [
    ['auth', 'auth.email-set'],
    ['mail', 'mail.requested'],
    ['notifications', 'payment.succeeded'],
    ['timelines', 'user.updated'],
  ] as const)
    for (const bytes of [bytesOf(name, Bun.randomUUIDv7(), 'of a stranger'), bytesOf(name, id, words)])
      channel.sendToQueue(parkedQueue(consumer), bytes, { messageId: Bun.randomUUIDv7() });
  await channel.waitForConfirms();
  await connection.close();
  const jobs = await connectBeanstalkd({ host: BEANSTALKD_HOST, port: Number(BEANSTALKD_PORT) });
  const settings = { priority: 1024, delaySeconds: 0, ttrSeconds: 60 };
  await jobs.put(parkedTube('posts'), bytesOf('post.create', id, words), settings);
  jobs.close();
}

test(
  'after erasure no store and no log has a word of the person, also when a service was down meanwhile',
  async () => {
    const system = await sharedSystem();
    const mark = newMark();
    const digits = String(randomInt(10_000_000, 99_999_999));
    const person = await registerMarked(system.url, mark, digits);
    await leaveMarks(system.url, person, mark);
    await parkWords(system, person.id, mark);
    const words = [...spellingsOf(mark), digits];
    // The search finds what is there. A search of a consumer holds what is parked for a moment.
    const searched = new Set<string>();
    await eventually(async () => {
      for (const place of await findHeld(system, words, {})) searched.add(place);
      for (const store of STORES)
        expect([store, [...searched].some((place) => place.startsWith(store))]).toEqual([store, true]);
    }, ERASURE_MS);

    await system.process('chat').kill();
    expect((await person.delete('/users/me')).status).toBe(204);
    await system.start('chat');
    await eventually(async () => expect(await findHeld(system, words, KEPT_WORDS)).toEqual([]), ERASURE_MS);
    // The message that a consumer removes the words for is acknowledged after that.
    const ids = spellingsOfId(person.id);
    await eventually(async () => expect(await findHeld(system, ids, KEPT_IDS)).toEqual([]), ERASURE_MS);
    expect(await findLogged(system, words)).toEqual([]);
  },
  2 * START_MS,
);
