import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CopiedJob, countJobs, restoreJobs } from '../backup/beanstalkd';
import { currentDigests, existingTables, groupsOf, restoreDump } from '../backup/databases';
import { type CopiedItem, listTables, openDynamodbStore, restoreItems, scanItems } from '../backup/dynamodb';
import { hasFiles, restoreFiles } from '../backup/files';
import { type Manifest, readManifest } from '../backup/manifest';
import { checkPart, readLines, readPart } from '../backup/parts';
import { type CopiedMessage, queuesWithMessages, restoreMessages } from '../backup/rabbit';
import { openRedisStore, type RedisEntry } from '../backup/redis';
import type { StoreSettings } from '../backup/settings';

/** A store that holds something already: nothing is restored into it. */
export class NotEmpty extends Error {
  override readonly name = 'NotEmpty';
}

/**
 * Restores a backup into an empty system, whose servers run and whose processes do not, and compares the result with the
 * manifest.
 *
 * @throws {NotEmpty} naming what is there already; nothing has been changed then
 * @throws when a file of the backup is damaged, or something differs after the restore
 */
export async function restoreStores(
  settings: StoreSettings,
  folder: string,
  report: (line: string) => void = () => undefined,
): Promise<Manifest> {
  const manifest = readManifest(folder);
  for (const part of manifest.parts) await checkPart(folder, part);
  const present = await contentOf(settings);
  if (present.length > 0)
    throw new NotEmpty(
      `A backup is restored into an empty system only, and this one has ${present.join(', ')}`,
    );
  report('Restoring databases');
  const groups = groupsOf(settings.databases);
  const dumps = manifest.parts.filter(({ file }) => file.startsWith('databases-'));
  if (dumps.length !== groups.length)
    throw new Error(
      `The backup is of ${dumps.length} database servers or users, and the settings name ${groups.length}: name the same number`,
    );
  for (const [index, group] of groups.entries())
    await restoreDump(group, readPart(folder, dumps[index]?.file ?? ''));
  report('Restoring files, Redis and DynamoDB');
  for (const [name, open] of Object.entries(settings.files))
    if (existsSync(join(folder, 'files', name)))
      await restoreFiles(await open(), join(folder, 'files', name));
  await restoreRedis(settings, folder);
  await restoreDynamodb(settings, folder, manifest);
  report('Restoring messages and jobs');
  // Last: nothing is delivered before what it is about is there.
  await restoreJobs(settings.beanstalkd, readLines<CopiedJob>(folder, 'beanstalkd.jsonl.gz'));
  await restoreMessages(settings.amqpUrls, readLines<CopiedMessage>(folder, 'rabbitmq.jsonl.gz'));
  report('Comparing');
  const differences = await differencesFrom(settings, manifest);
  if (differences.length > 0) throw new Error(`After the restore these differ: ${differences.join(', ')}`);
  return manifest;
}

async function restoreRedis({ redisUrl }: StoreSettings, folder: string): Promise<void> {
  const redis = await openRedisStore(redisUrl);
  try {
    for await (const entry of readLines<RedisEntry>(folder, 'redis.jsonl.gz')) await redis.restore(entry);
  } finally {
    redis.close();
  }
}

async function restoreDynamodb(settings: StoreSettings, folder: string, manifest: Manifest): Promise<void> {
  const client = openDynamodbStore(settings.dynamodb);
  try {
    await restoreItems(client, manifest.dynamodb_tables, readLines<CopiedItem>(folder, 'dynamodb.jsonl.gz'));
  } finally {
    client.destroy();
  }
}

/** What a system holds, in words: empty for an empty one. */
async function contentOf(settings: StoreSettings): Promise<string[]> {
  const content: string[] = [];
  for (const group of groupsOf(settings.databases)) {
    const tables = await existingTables(group);
    if (tables.length > 0)
      content.push(`tables in its databases (${tables[0]} and ${tables.length - 1} more)`);
  }
  const redis = await openRedisStore(settings.redisUrl);
  try {
    for await (const _ of redis.names()) {
      content.push('likes in Redis');
      break;
    }
  } finally {
    redis.close();
  }
  const queues = await queuesWithMessages(settings.amqpUrls);
  if (queues.length > 0) content.push(`messages in RabbitMQ (${queues.join(', ')})`);
  for (const server of settings.beanstalkd)
    if ((await countJobs(server)) > 0) content.push(`jobs in beanstalkd at ${server.host}`);
  if ((await countItems(settings)) > 0) content.push('items in DynamoDB');
  for (const [name, open] of Object.entries(settings.files))
    if (await hasFiles(await open())) content.push(`files in the storage of ${name}`);
  return content;
}

async function countItems({ dynamodb }: StoreSettings): Promise<number> {
  const client = openDynamodbStore(dynamodb);
  try {
    let count = 0;
    for await (const _ of scanItems(client, await listTables(client))) count++;
    return count;
  } finally {
    client.destroy();
  }
}

/** What is not as the manifest says: tables row by row, everything else by number. */
async function differencesFrom(settings: StoreSettings, manifest: Manifest): Promise<string[]> {
  const restored = new Map<string, string>();
  for (const group of groupsOf(settings.databases))
    for (const { table, rows, digest } of await currentDigests(group))
      restored.set(table, `${rows} ${digest}`);
  const tables = manifest.tables.flatMap(({ table, rows, digest }) =>
    restored.get(table) === `${rows} ${digest}` ? [] : `the table ${table}`,
  );
  const redis = await openRedisStore(settings.redisUrl);
  const keys = (await Array.fromAsync(redis.names())).length;
  redis.close();
  const entriesOf = (file: string) => manifest.parts.find((part) => part.file === file)?.entries;
  return [
    ...tables,
    ...(keys === entriesOf('redis.jsonl.gz') ? [] : ['the keys of likes']),
    ...((await countItems(settings)) === entriesOf('dynamodb.jsonl.gz') ? [] : ['the items of DynamoDB']),
  ];
}
