import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { Server, type Upload } from '@tus/server';
import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { Problem, type ProblemClass } from '#kit/errors/problem';
import { pathOf } from '#kit/http/request-path';
import type { MediaDeps } from '../deps';
import { FileNotFound } from '../files/model';
import { readUsage } from '../files/usage-store';
import { QuotaExceeded } from '../uploads/model';
import { readUploadFields } from '../uploads/receive';
import { createFile } from '../uploads/service';
import { UploadStore } from './datastore';
import { importUploads } from './import';
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
import { finishUpload } from './parts';
import { readStaged } from './store';

/** The endpoint of tus 1.0 (https://tus.io/protocols/resumable-upload). */
export const RESUMABLE_PATH = '/files/tus';
/** The size of a whole file, within the quota. Clients that do not divide it send all of it in one request. */
export const RESUMABLE_BYTES = 1024 * 1024 * 1024;
/** An upload that is unfinished after a day expires; the state of a finished one is readable for as long. */
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
 * Receives files in chunks that may arrive hours apart, at any instance. After the last one the file is stored like any other
 * upload, and `Content-Location` names it, then and later.
 *
 * @param folder where the version before stored unfinished uploads
 */
export function openResumableUploads(deps: MediaDeps, folder: string): ResumableHandler {
  const datastore = new UploadStore(deps, { maxBytes: RESUMABLE_BYTES, expiresMs: EXPIRES_MS });
  const imported = importUploads(deps, folder, RESUMABLE_BYTES);
  imported.catch((failure: unknown) =>
    deps.runtime.log.error(
      { err: failure },
      'unfinished uploads of the version before could not be imported',
    ),
  );
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
    exposedHeaders: ['Content-Location'],
    namingFunction: () => randomBytes(16).toString('hex'),
    generateUrl: (_request, { id }) => `${RESUMABLE_PATH}/${id}`,
    getFileIdFromRequest: (request) => new URL(request.url).pathname.split('/').at(-1),
    async onUploadCreate(_request, { size = 0, metadata = {} }) {
      const caller = requireCaller();
      requireUtf8(metadata);
      readUploadFields(valuesOf(metadata));
      const [used, staged] = await Promise.all([
        readUsage(deps.database, caller.id),
        readStaged(deps.database, caller.id),
      ]);
      if (used + staged.bytes + size > deps.quotaBytes)
        throw new QuotaExceeded({
          detail: 'Delete files, or terminate unfinished uploads, to free storage.',
        });
      if (staged.uploads >= MAX_UNFINISHED_UPLOADS)
        throw new TooManyUploads({ detail: 'Finish or terminate an upload first.' });
      return { metadata: { ...metadata, owner_id: caller.id } };
    },
    async onIncomingRequest({ method }, id) {
      if (method === 'POST' || method === 'OPTIONS') return;
      const upload = await datastore.getUpload(id);
      const caller = requireCaller();
      // As if there was none: the response must not tell that somebody uploads.
      if (upload.metadata?.owner_id !== caller.id) throw problemOf(404);
      // All has arrived, and storing it failed: a client that asks for the offset must not take it for stored.
      if (method === 'HEAD' && upload.offset === upload.size && (await datastore.fileIdOf(id)) === undefined)
        await storeUpload(deps, caller, datastore, upload);
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
      await imported.catch(() => undefined);
      const response = await server.handleWeb(request);
      const problem = context.getStore()?.problem;
      if (problem !== undefined) throw problem;
      if (response.status >= 400 && response.status < 500) throw problemOf(response.status);
      if (response.status >= 500) throw new Error(`tus responded with ${response.status}`);
      if (request.method === 'HEAD') {
        const fileId = await datastore.fileIdOf(pathOf(request.url).split('/').at(-1) ?? '');
        if (fileId !== undefined) response.headers.set('content-location', `/files/${fileId}`);
      }
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
  datastore: UploadStore,
  { id, metadata = {} }: Upload,
): Promise<string> {
  // The last chunk is repeated by a client that did not get the response.
  const finished = await datastore.fileIdOf(id);
  if (finished !== undefined) return finished;
  const file = await deps.storage.receive(datastore.read(id), { maximumBytes: RESUMABLE_BYTES });
  const upload = {
    file,
    fileName: metadata.filename ?? undefined,
    contentType: metadata.filetype ?? undefined,
    isStaged: true,
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
  await finishUpload(deps, id, created.id);
  return created.id;
}

/**
 * The library puts U+FFFD in place of bytes that are no UTF-8.
 *
 * @throws UploadRefused
 */
function requireUtf8(metadata: Record<string, string | null>): void {
  if (Object.values(metadata).some((value) => value?.includes('\ufffd')))
    throw new UploadRefused({
      detail: 'Values in Upload-Metadata must be UTF-8.',
      headers: { 'tus-resumable': '1.0.0' },
    });
}

const valuesOf = (metadata: Record<string, string | null>): Map<string, string[]> =>
  new Map(Object.entries(metadata).map(([name, value]) => [name, value === null ? [] : [value]]));
