import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../package.json';
import { type CopiedJob, listJobs } from './beanstalkd';
import { type DatabaseGroup, type Frozen, freeze, groupsOf } from './databases';
import { type CopiedItem, isPending, keyOf, listTables, openDynamodbStore, scanItems } from './dynamodb';
import { copyFiles } from './files';
import { type Manifest, writeManifest } from './manifest';
import { type Part, writeLines, writePart } from './parts';
import { type BrokerCopy, copyMessages } from './rabbit';
import { isOutbox, openRedisStore, type RedisEntry, type RedisStore } from './redis';
import type { StoreSettings } from './settings';

/** How long the backlog of RabbitMQ is held back. */
const HOLD_MS = 3_000;
/** By default. Requests wait longer than that. */
const MAX_FROZEN_MS = 5_000;

export interface CopyOptions {
  /** From how long before the moment of the copy all messages are in it, even those that are being handled then. */
  readonly settleMs: number;
  /** Writes are let go after this time, whatever is unfinished; the copy then fails. */
  readonly maxFrozenMs?: number;
  readonly report?: (line: string) => void;
}

/** What is copied at one moment, while nobody writes. */
interface Cut {
  readonly at: Date;
  readonly frozenMs: number;
  readonly databases: readonly { readonly group: DatabaseGroup; readonly frozen: Frozen }[];
  readonly redisOutbox: readonly RedisEntry[];
  readonly jobs: readonly CopiedJob[];
}

/**
 * Copies all stores of a running system into a new folder, as of one moment: whatever was acknowledged before it is in the
 * copy. Writes wait for a part of a second; no request fails.
 *
 * What moves between stores moves from an outbox to a broker to its consumer. So outboxes, brokers and databases are read
 * while nobody writes to databases and Redis: each message is in one of them, or in several. What is in several is
 * delivered again after a restore, which consumers are made for.
 *
 * @throws when the folder is not empty, or a store cannot be read; there is no manifest then
 */
export async function copyStores(
  settings: StoreSettings,
  folder: string,
  { settleMs, maxFrozenMs = MAX_FROZEN_MS, report = () => undefined }: CopyOptions,
): Promise<Omit<Manifest, 'format'>> {
  const startedAt = new Date();
  createFolder(folder);
  const dynamodb = openDynamodbStore(settings.dynamodb);
  const redis = await openRedisStore(settings.redisUrl);
  let broker: BrokerCopy | undefined;
  let cut: Cut | undefined;
  try {
    broker = await copyMessages(settings.amqpUrls);
    const settled = Bun.sleep(settleMs);
    report(`Copying files, and messages for ${settleMs / 1_000} s`);
    await copyAllFiles(settings, folder);
    const tables = await listTables(dynamodb);
    const pending = (await Array.fromAsync(scanItems(dynamodb, tables))).filter(isPending);
    await settled;
    await broker.hold();
    await Bun.sleep(HOLD_MS);
    cut = await cutAt(settings, redis, maxFrozenMs);
    const messages = await broker.messages();
    await broker.release();
    report(`Copying the state of ${cut.at.toISOString()}; writes waited for ${cut.frozenMs} ms`);
    const parts: Part[] = [];
    const digests = [];
    for (const [index, { frozen }] of cut.databases.entries()) {
      parts.push(await writePart(folder, `databases-${index + 1}.sql.gz`, frozen.dump));
      digests.push(...(await frozen.digests()));
    }
    parts.push(
      await writeLines(folder, 'rabbitmq.jsonl.gz', messages),
      await writeLines(folder, 'beanstalkd.jsonl.gz', cut.jobs),
      await writeLines(folder, 'redis.jsonl.gz', withOutbox(redis, cut.redisOutbox)),
      await writeLines(folder, 'dynamodb.jsonl.gz', withPending(scanItems(dynamodb, tables), pending)),
    );
    await copyAllFiles(settings, folder);
    const manifest = {
      version,
      servers: { redis: await redis.version() },
      started_at: startedAt.toISOString(),
      point_at: cut.at.toISOString(),
      finished_at: new Date().toISOString(),
      frozen_ms: cut.frozenMs,
      parts,
      files: Object.fromEntries(
        Object.keys(settings.files).map((name) => [name, readdirSync(join(folder, 'files', name)).length]),
      ),
      tables: digests,
      dynamodb_tables: tables,
    };
    writeManifest(folder, manifest);
    return manifest;
  } finally {
    await broker?.release().catch(() => undefined);
    for (const { frozen } of cut?.databases ?? []) await frozen.close();
    redis.close();
    dynamodb.destroy();
  }
}

function createFolder(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new Error(`${folder} is not empty: a backup gets a folder of its own`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Stops all writes, and reads what moves. */
async function cutAt(settings: StoreSettings, redis: RedisStore, maxMs: number): Promise<Cut> {
  const outboxes = (await Array.fromAsync(redis.names())).filter(isOutbox);
  const databases: { group: DatabaseGroup; frozen: Frozen }[] = [];
  const startedMs = performance.now();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`Writes would have waited for more than ${maxMs} ms; try again`)),
    maxMs,
  );
  const read = async () => {
    for (const group of groupsOf(settings.databases)) databases.push({ group, frozen: await freeze(group) });
    await redis.pauseWrites(maxMs);
    const at = new Date();
    const redisOutbox = await Array.fromAsync(redis.entries(outboxes));
    const jobs = (await Promise.all(settings.beanstalkd.map(listJobs))).flat();
    return { at, redisOutbox, jobs };
  };
  try {
    const copied = await Promise.race([read(), late.promise]);
    await redis.resumeWrites();
    for (const { frozen } of databases) await frozen.thaw();
    return { ...copied, databases, frozenMs: Math.round(performance.now() - startedMs) };
  } catch (failure) {
    await redis.resumeWrites();
    for (const { frozen } of databases) await frozen.close();
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

async function copyAllFiles(settings: StoreSettings, folder: string): Promise<void> {
  for (const [name, open] of Object.entries(settings.files)) {
    const storage = await open();
    await storage.check();
    await copyFiles(storage, join(folder, 'files', name));
  }
}

/** The keys of now; those of the outbox as of the cut, as they may have been sent since. */
async function* withOutbox(redis: RedisStore, outbox: readonly RedisEntry[]): AsyncGenerator<RedisEntry> {
  async function* others() {
    for await (const name of redis.names()) if (!isOutbox(name)) yield name;
  }
  yield* redis.entries(others());
  yield* outbox;
}

/** The items of now, and those of before that were deleted because their event was published meanwhile. */
async function* withPending(
  items: AsyncIterable<CopiedItem>,
  pending: readonly CopiedItem[],
): AsyncGenerator<CopiedItem> {
  const missing = new Map(pending.map((item) => [keyOf(item), item]));
  for await (const item of items) {
    missing.delete(keyOf(item));
    yield item;
  }
  yield* missing.values();
}
