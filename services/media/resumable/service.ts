import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { FileConfigstore, FileStore } from '@tus/file-store';
import { Server, type Upload } from '@tus/server';
import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { Problem, type ProblemClass } from '#kit/errors/problem';
import type { MediaDeps } from '../deps';
import { FileNotFound } from '../files/model';
import { readUsage } from '../files/usage-store';
import { QuotaExceeded } from '../uploads/model';
import { readUploadFields } from '../uploads/receive';
import { createFile } from '../uploads/service';
import {
  TooManyUploads,
  UploadAtWrongOffset,
  UploadGone,
  UploadNotFound,
  UploadOfWrongType,
  UploadOfWrongVersion,
  UploadRefused,
  UploadTooLarge,
} from './model';

/** The endpoint of tus 1.0 (https://tus.io/protocols/resumable-upload). */
export const RESUMABLE_PATH = '/files/tus';
/** The largest body of one request: a lost chunk costs no more than this. */
export const CHUNK_BYTES = 8 * 1024 * 1024;
/** The size of a whole file, within the quota. */
const RESUMABLE_BYTES = 1024 * 1024 * 1024;
/** An upload that is unfinished after a day expires. */
const EXPIRES_MS = 24 * 60 * 60_000;
const EXPIRE_EVERY_MS = 60 * 60_000;
/** Per user. */
const MAX_UNFINISHED_UPLOADS = 10;

/** The problem of each error status of the protocol library. */
const PROBLEMS: ReadonlyMap<number, readonly [problem: ProblemClass, detail: string]> = new Map([
  [404, [UploadNotFound, 'Create a new upload.']],
  [409, [UploadAtWrongOffset, 'Continue at the offset that HEAD returns.']],
  [410, [UploadGone, 'Create a new upload.']],
  [412, [UploadOfWrongVersion, 'Send Tus-Resumable: 1.0.0.']],
  [413, [UploadTooLarge, 'OPTIONS returns the largest accepted size as Tus-Max-Size.']],
  [415, [UploadOfWrongType, 'Send application/offset+octet-stream.']],
]);
const OTHER_PROBLEM = [UploadRefused, 'See https://tus.io/protocols/resumable-upload.'] as const;

/** Handles one request of the protocol. */
export type ResumableHandler = (request: Request, caller: Caller | null) => Promise<Response>;

/**
 * Receives files in chunks that may arrive hours apart. The chunks are appended in a local folder; after the last one the
 * file is stored like any other upload, and `Content-Location` names it.
 */
export function openResumableUploads(deps: MediaDeps, folder: string): ResumableHandler {
  const uploads = new FileConfigstore(folder);
  const datastore = new FileStore({
    directory: folder,
    configstore: uploads,
    expirationPeriodInMilliseconds: EXPIRES_MS,
  });
  const context = new AsyncLocalStorage<{ caller: Caller | null; problem?: Problem }>();
  const requireCaller = (): Caller => {
    const caller = context.getStore()?.caller;
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
      const caller = requireCaller();
      readUploadFields(valuesOf(metadata));
      const used = await readUsage(deps.database, caller.id);
      if (used + size > deps.quotaBytes) throw new QuotaExceeded({ detail: 'Delete files to free storage.' });
      if ((await countUnfinished(uploads, caller.id)) >= MAX_UNFINISHED_UPLOADS)
        throw new TooManyUploads({ detail: 'Finish or terminate an upload first.' });
      return { metadata: { ...metadata, owner_id: caller.id } };
    },
    async onIncomingRequest({ method }, id) {
      if (method === 'POST' || method === 'OPTIONS') return;
      const { metadata } = await datastore.getUpload(id);
      if (metadata?.owner_id !== requireCaller().id) throw new FileNotFound();
    },
    async onUploadFinish(_request, upload) {
      const id = await storeUpload(deps, requireCaller(), datastore, upload);
      return { headers: { 'content-location': `/files/${id}` } };
    },
    onResponseError(_request, failure) {
      const current = context.getStore();
      if (current && failure instanceof Problem) current.problem = failure;
      return undefined;
    },
  });
  repeatEvery(deps.runtime, 'expiring unfinished uploads', { everyMs: EXPIRE_EVERY_MS }, async () => {
    await server.cleanUpExpiredUploads();
  });

  return (request, caller) =>
    context.run({ caller }, async () => {
      const response = await server.handleWeb(request);
      const problem = context.getStore()?.problem;
      if (problem !== undefined) throw problem;
      if (response.status >= 400 && response.status < 500) throw problemOf(response.status);
      if (response.status >= 500) throw new Error(`tus responded with ${response.status}`);
      return response;
    });
}

function problemOf(status: number): Problem {
  const [ProblemOfStatus, detail] = PROBLEMS.get(status) ?? OTHER_PROBLEM;
  return new ProblemOfStatus({ detail, headers: { 'tus-resumable': '1.0.0' } });
}

async function storeUpload(
  deps: MediaDeps,
  caller: Caller,
  datastore: FileStore,
  { id, metadata = {} }: Upload,
): Promise<string> {
  const file = await deps.storage.receive(datastore.read(id), { maximumBytes: RESUMABLE_BYTES });
  const upload = {
    file,
    fileName: metadata.filename ?? undefined,
    contentType: metadata.filetype ?? undefined,
  };
  const created = await createFile(deps, caller, {
    upload,
    fields: readUploadFields(valuesOf(metadata)),
    // The client repeats the last chunk when it does not get the response.
    idempotencyKey: id,
    route: RESUMABLE_PATH,
  }).catch(async (failure: unknown) => {
    // A client error is permanent; anything else may succeed when the last chunk is repeated.
    if (failure instanceof Problem && failure.status < 500) await datastore.remove(id);
    throw failure;
  });
  await datastore.remove(id);
  return created.id;
}

const valuesOf = (metadata: Record<string, string | null>): Map<string, string[]> =>
  new Map(Object.entries(metadata).map(([name, value]) => [name, value === null ? [] : [value]]));

async function countUnfinished(uploads: FileConfigstore, ownerId: string): Promise<number> {
  const names = (await uploads.list?.()) ?? [];
  const found = await Promise.all(names.map((name) => uploads.get(name).catch(() => undefined)));
  return found.filter((upload) => upload?.metadata?.owner_id === ownerId).length;
}
