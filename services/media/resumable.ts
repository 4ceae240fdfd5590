import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { FileConfigstore, FileStore } from '@tus/file-store';
import { Server, type Upload } from '@tus/server';
import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { Problem, type ProblemClass } from '#kit/errors/problem';
import {
  FileNotFound,
  QuotaExceeded,
  TooManyUploads,
  UploadAtWrongOffset,
  UploadGone,
  UploadNotFound,
  UploadOfWrongType,
  UploadOfWrongVersion,
  UploadRefused,
  UploadTooLarge,
} from './model';
import { fieldsOf } from './receive';
import type { MediaDeps } from './service';
import * as store from './store';
import { createFile } from './upload';

/** Where uploads by tus 1.0 (https://tus.io/protocols/resumable-upload) are made and continued. */
export const RESUMABLE_PATH = '/files/tus';
/** What a client sends at a time: a piece that is lost costs no more than this. */
export const CHUNK_BYTES = 8 * 1024 * 1024;
/** The whole file, as long as the quota allows it. */
const RESUMABLE_BYTES = 1024 * 1024 * 1024;
/** An upload that is not finished a day later is given up. */
const EXPIRES_MS = 24 * 60 * 60_000;
const EXPIRE_EVERY_MS = 60 * 60_000;
/** Begun and not finished, for each person. */
const OPEN_UPLOADS = 10;

/** What the protocol's own answers mean here. */
const REFUSALS: ReadonlyMap<number, ProblemClass> = new Map([
  [404, UploadNotFound],
  [409, UploadAtWrongOffset],
  [410, UploadGone],
  [412, UploadOfWrongVersion],
  [413, UploadTooLarge],
  [415, UploadOfWrongType],
]);

/** Answers one request of the protocol. */
export type AnswerResumable = (request: Request, caller: Caller | null) => Promise<Response>;

/**
 * Takes files in pieces that may come hours apart. They lie in a folder of this machine until the last piece has come;
 * then the file is stored like any other, and `Content-Location` says where.
 */
export function openResumable(deps: MediaDeps, folder: string): AnswerResumable {
  const uploads = new FileConfigstore(folder);
  const datastore = new FileStore({
    directory: folder,
    configstore: uploads,
    expirationPeriodInMilliseconds: EXPIRES_MS,
  });
  const asking = new AsyncLocalStorage<{ caller: Caller | null; refused?: unknown }>();
  const callerNow = (): Caller => {
    const caller = asking.getStore()?.caller;
    if (!caller) throw new FileNotFound();
    return caller;
  };
  const server = new Server({
    path: RESUMABLE_PATH,
    datastore,
    maxSize: RESUMABLE_BYTES,
    namingFunction: () => randomBytes(16).toString('hex'),
    generateUrl: (_request, { id }) => `${RESUMABLE_PATH}/${id}`,
    getFileIdFromRequest: (request) => new URL(request.url).pathname.split('/').at(-1),
    async onUploadCreate(_request, { size = 0, metadata = {} }) {
      const caller = callerNow();
      fieldsOf(valuesOf(metadata));
      const used = await store.readUsage(deps.database, caller.id);
      if (used + size > deps.quotaBytes) throw new QuotaExceeded();
      if ((await openUploadsOf(uploads, caller.id)) >= OPEN_UPLOADS) throw new TooManyUploads();
      return { metadata: { ...metadata, owner_id: caller.id } };
    },
    async onIncomingRequest({ method }, id) {
      if (method === 'POST' || method === 'OPTIONS') return;
      const { metadata } = await datastore.getUpload(id);
      if (metadata?.owner_id !== callerNow().id) throw new FileNotFound();
    },
    async onUploadFinish(_request, upload) {
      const id = await storeUploaded(deps, datastore, upload, callerNow());
      return { headers: { 'content-location': `/files/${id}` } };
    },
    onResponseError(_request, failure) {
      const now = asking.getStore();
      if (now && failure instanceof Problem) now.refused = failure;
      return undefined;
    },
  });
  repeatEvery(deps.runtime, 'giving up unfinished uploads', { everyMs: EXPIRE_EVERY_MS }, async () => {
    await server.cleanUpExpiredUploads();
  });

  return (request, caller) =>
    asking.run({ caller }, async () => {
      const answer = await server.handleWeb(request);
      const refused = asking.getStore()?.refused;
      if (refused !== undefined) throw refused;
      if (answer.status >= 400 && answer.status < 500)
        throw new (REFUSALS.get(answer.status) ?? UploadRefused)({ headers: { 'tus-resumable': '1.0.0' } });
      if (answer.status >= 500) throw new Error(`tus answered ${answer.status}`);
      return answer;
    });
}

async function storeUploaded(
  deps: MediaDeps,
  datastore: FileStore,
  { id, metadata = {} }: Upload,
  caller: Caller,
): Promise<string> {
  const file = await deps.storage.receive(datastore.read(id), { maximumBytes: RESUMABLE_BYTES });
  const upload = {
    file,
    fileName: metadata.filename ?? undefined,
    contentType: metadata.filetype ?? undefined,
  };
  // The upload's own id as the key: the last piece may be sent again when its answer was lost.
  const created = await createFile(
    deps,
    { upload, fields: fieldsOf(valuesOf(metadata)), idempotencyKey: id, route: RESUMABLE_PATH },
    caller,
  ).catch(async (failure: unknown) => {
    // What is refused will be refused again; anything else may work with the last piece sent once more.
    if (failure instanceof Problem && failure.status < 500) await datastore.remove(id);
    throw failure;
  });
  await datastore.remove(id);
  return created.id;
}

const valuesOf = (metadata: Record<string, string | null>): Map<string, string[]> =>
  new Map(Object.entries(metadata).map(([name, value]) => [name, value === null ? [] : [value]]));

async function openUploadsOf(uploads: FileConfigstore, ownerId: string): Promise<number> {
  const names = (await uploads.list?.()) ?? [];
  const found = await Promise.all(names.map((name) => uploads.get(name).catch(() => undefined)));
  return found.filter((upload) => upload?.metadata?.owner_id === ownerId).length;
}
