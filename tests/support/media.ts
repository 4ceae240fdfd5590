import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { and, eq, inArray } from 'drizzle-orm';
import { pino } from 'pino';
import { FileStored, PictureUploaded } from '#contracts/events/media';
import { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import { parseEnvelope } from '#contracts/messages';
import { startGrpcServer } from '#kit/grpc/server';
import { serveHttp } from '#kit/http/server';
import { outbox } from '#kit/messaging/tables';
import { migrateDatabase } from '#kit/mysql/migrations';
import { openFolderStorage } from '#kit/storage/folder';
import { media } from '../../services/media';
import { createFileUrls } from '../../services/media/content/file-urls';
import { mediaGrpc } from '../../services/media/grpc';
import { openResumableUploads } from '../../services/media/resumable/service';
import { applyEvent, type MediaEvent } from '../../services/media/subscriptions';
import { copyingWorker, mediaWorker } from '../../workers/media';
import { renderInProcess, stripInProcess } from '../../workers/media/rendering';
import { callerOf } from './call';
import { openAddress } from './open-address';
import { permittedClient } from './permitted-client';
import { testDatabase, testRuntime } from './servers';
import { testTokens } from './tokens';

const SECRET = 'a secret for this test';
export const QUOTA_BYTES = 300 * 1024 * 1024;

/**
 * The media service on a database and a folder of its own, listening on free ports, with its worker, which processes
 * files when `process` is called.
 */
export async function startMedia() {
  const runtime = testRuntime('media');
  const databaseServer = await testDatabase();
  const { database } = databaseServer;
  const tokens = await testTokens();
  const folder = await mkdtemp(join(tmpdir(), 'rookery-media-test-'));
  await migrateDatabase({
    address: databaseServer.address,
    folder: `${import.meta.dir}/../../services/media/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const storage = openFolderStorage(folder);
  const deps = {
    runtime,
    database,
    storage,
    outbox: { wake() {} },
    urls: createFileUrls({ publicUrl: 'http://rookery.test', internalSecret: SECRET }),
    quotaBytes: QUOTA_BYTES,
    tokens: tokens.verifier,
  };
  const app = media(
    Object.assign(deps, { resumable: openResumableUploads(deps, join(folder, 'resumable')) }),
  );
  const http = serveHttp(runtime, app, {
    hostname: '127.0.0.1',
    port: 0,
    strictPort: true,
  });
  runtime.onClose('http', () => http.stop(100));
  const registered = openAddress();
  runtime.onClose('address', registered.close);
  const { port } = await startGrpcServer(runtime, {
    answerChallenge: registered.answerChallenge,
    host: '127.0.0.1',
    port: 0,
    services: [mediaGrpc(deps)],
    audience: 'media',
  });
  const client = permittedClient(runtime, {
    service: 'media',
    definition: MediaServiceDefinition,
    registry: {
      instances: () => [{ host: '127.0.0.1', grpc_port: port, state: 'up' as const }],
      onChange: () => () => undefined,
    },
  });
  const workerDeps = {
    storage,
    media: client,
    render: renderInProcess,
    strip: stripInProcess,
    folder: join(folder, 'in-work'),
  };
  const worker = mediaWorker(workerDeps);
  const copying = copyingWorker(workerDeps);
  const url = `http://127.0.0.1:${http.port}`;
  const newPerson = (permissions: string[] = []) =>
    tokens.authorization({ id: Bun.randomUUIDv7(), username: 'ada' }, permissions);

  return {
    call: callerOf(app),
    client,
    database,
    deps,
    folder,
    /** Registers the gRPC port. */
    address: registered,
    grpcPort: port,
    runtime,
    storage,
    tokens,
    url,
    worker,
    newPerson,
    /** Processes the pending jobs of some files. @returns the reasons of parked ones */
    async process(...ids: string[]): Promise<string[]> {
      const pending = await database
        .select()
        .from(outbox)
        .where(
          and(
            inArray(outbox.name, [PictureUploaded.name, FileStored.name]),
            eq(outbox.attempts, 0),
            inArray(outbox.aggregateId, ids),
          ),
        );
      const reasons: string[] = [];
      for (const row of pending) {
        const payload = Buffer.from(row.payload);
        const context = { attempt: 1, log: pino({ level: 'silent' }), closing: runtime.closing };
        const handling =
          row.name === FileStored.name
            ? copying.handle(parseEnvelope([FileStored], payload), context)
            : worker.handle(parseEnvelope([PictureUploaded], payload), context);
        await handling.catch((failure: Error) => reasons.push(failure.message));
        await database.update(outbox).set({ attempts: 1 }).where(eq(outbox.id, row.id));
      }
      return reasons;
    },
    /** Applies an event of users or timelines. */
    receive: (name: MediaEvent['name'], data: object) =>
      applyEvent(deps, {
        id: Bun.randomUUIDv7(),
        version: 1,
        occurred_at: new Date().toISOString(),
        trace: { request_id: 'a-request-of-the-test' },
        actor: null,
        name,
        data,
      } as MediaEvent),
    upload(
      authorization: string,
      content: Uint8Array<ArrayBuffer>,
      options: {
        name?: string;
        type?: string;
        path?: string;
        fields?: Record<string, string>;
        headers?: Record<string, string>;
      } = {},
    ): Promise<Response> {
      const form = new FormData();
      for (const [name, value] of Object.entries(options.fields ?? {})) form.append(name, value);
      const file = new File([content], options.name ?? 'picture.png', { type: options.type ?? '' });
      form.append('file', file, options.name ?? 'picture.png');
      return fetch(`${url}${options.path ?? '/files/upload'}`, {
        method: 'POST',
        headers: { authorization, ...options.headers },
        body: form,
      });
    },
    /** The numbers of stored files and of uploads in progress. */
    async stored() {
      const incoming = await readdir(join(folder, 'incoming')).catch(() => []);
      return { kept: (await Array.fromAsync(storage.list())).length, incoming: incoming.length };
    },
    async close() {
      await runtime.close();
      await databaseServer.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
