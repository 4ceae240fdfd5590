import { randomBytes } from 'node:crypto';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { Forbidden } from '#kit/errors/problem';
import { requireIfMatch } from '#kit/http/conditional';
import { etagOfVersion } from '#kit/http/etag';
import {
  type IdempotentRequest,
  idempotent,
  type RequestKey,
  type StoredResponse,
} from '#kit/http/idempotency';
import { checkedPages } from '#kit/http/lists/checked-pages';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { normalizeText } from '#kit/text/identity';
import { acceptedChange, acceptedResume } from './accepted';
import type { ResumesDeps } from './deps';
import type { JsonResume } from './json-resume';
import {
  type ImportQuery,
  MAX_RESUMES,
  type NewResume,
  Resume,
  ResumeNotFound,
  type ResumeUpdate,
  TooManyResumes,
} from './model';
import { fieldsOf, mayRead, READ_ALL, titleOf, type Visibility, withFields } from './rules';
import * as store from './store';

const resumePages = checkedPages(Resume);

/** The résumé to change, and the version the client has read (`If-Match`); without one any version matches. */
export interface Target {
  readonly id: string;
  readonly ifMatch: string | undefined;
}

/** The résumé to read, and the share token of its link if the client has one. */
export interface ReadTarget {
  readonly id: string;
  readonly token: string | undefined;
}

/** 128 bits, not guessable. */
const SHARE_TOKEN_BYTES = 16;

export function createResume(
  deps: ResumesDeps,
  caller: Caller,
  key: RequestKey,
  input: NewResume,
): Promise<StoredResponse<Resume>> {
  requireOwnId(caller, input.user_id);
  return insertIdempotently(
    deps,
    { ...key, caller: caller.id, body: input },
    {
      title: normalizeText(input.title),
      visibility: input.visibility ?? 'private',
      document: acceptedResume(withFields({}, input)),
    },
  );
}

export function importResume(
  deps: ResumesDeps,
  caller: Caller,
  key: RequestKey,
  input: ImportQuery & { document: unknown },
): Promise<StoredResponse<Resume>> {
  const document = acceptedResume(input.document);
  return insertIdempotently(
    deps,
    { ...key, caller: caller.id, body: input },
    {
      title: input.title === undefined ? titleOf(document) : normalizeText(input.title),
      visibility: input.visibility ?? 'private',
      document,
    },
  );
}

/** @throws ResumeNotFound, also for a résumé that is not shared with the viewer */
export async function readResume(
  deps: ResumesDeps,
  viewer: Caller | null,
  target: ReadTarget,
): Promise<Resume> {
  return viewOf(deps, await requireResume(deps, viewer, target), viewer);
}

/** The JSON Resume document, as it was imported. */
export async function exportResume(
  deps: ResumesDeps,
  viewer: Caller | null,
  target: ReadTarget,
): Promise<{ document: JsonResume; title: string; version: number; visibility: Visibility }> {
  return requireResume(deps, viewer, target);
}

/** The caller's résumés, or those of all users with the permission `READ_ALL`. */
export const listResumes = (deps: ResumesDeps, caller: Caller, query: PageQuery) =>
  listPage(deps, caller, query, {
    ownerId: caller.permissions.includes(READ_ALL) ? undefined : caller.id,
    publicOnly: false,
  });

/** A user's résumés: all for the user and with the permission `READ_ALL`, the public ones for other viewers. */
export const listResumesOf = (deps: ResumesDeps, viewer: Caller | null, ownerId: string, query: PageQuery) =>
  listPage(deps, viewer, query, {
    ownerId,
    publicOnly: viewer?.id !== ownerId && viewer?.permissions.includes(READ_ALL) !== true,
  });

export async function updateResume(
  deps: ResumesDeps,
  caller: Caller,
  target: Target,
  input: ResumeUpdate,
): Promise<Resume> {
  requireOwnId(caller, input.user_id);
  return inTransaction(deps.database, async (transaction) => {
    const resume = await lockOwned(transaction, caller, target);
    const visibility = input.visibility ?? resume.visibility;
    await store.updateResume(transaction, target.id, {
      title: input.title === undefined ? resume.title : normalizeText(input.title),
      visibility,
      shareToken: shareTokenFor(visibility, resume.shareToken),
      document: acceptedChange(resume.document, input),
    });
    return readView(deps, transaction, caller, target.id);
  });
}

export async function deleteResume(deps: ResumesDeps, caller: Caller, target: Target): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    await store.deleteResume(transaction, await lockOwned(transaction, caller, target));
  });
}

function insertIdempotently(
  deps: ResumesDeps,
  request: IdempotentRequest,
  resume: { title: string; visibility: Visibility; document: JsonResume },
): Promise<StoredResponse<Resume>> {
  const ownerId = request.caller;
  return idempotent(deps.database, request, async () => {
    const id = uuidv7();
    return async (transaction) => {
      if ((await store.incrementCount(transaction, ownerId)) > MAX_RESUMES)
        throw new TooManyResumes({ detail: 'A user can have at most 100 résumés.' });
      const shareToken = shareTokenFor(resume.visibility, null);
      await store.insertResume(transaction, { id, ownerId, shareToken, ...resume });
      const view = await readView(deps, transaction, { id: ownerId }, id);
      const headers = { location: `/resumes/${id}`, etag: etagOfVersion(view.version) };
      return { status: 201, headers, body: view };
    };
  });
}

/** A revoked link stays invalid: sharing again creates a new token. */
const shareTokenFor = (visibility: Visibility, current: string | null): string | null =>
  visibility === 'link' ? (current ?? randomBytes(SHARE_TOKEN_BYTES).toString('base64url')) : null;

function requireOwnId(caller: Caller, userId: string | undefined): void {
  if (userId !== undefined && userId !== caller.id)
    throw new Forbidden({ detail: 'user_id must be your own id.' });
}

async function lockOwned(
  transaction: Transaction,
  caller: Caller,
  { id, ifMatch }: Target,
): Promise<store.ResumeRow> {
  const resume = await store.lockResume(transaction, id);
  if (resume === undefined || !mayRead(resume, caller, undefined)) throw new ResumeNotFound();
  if (resume.ownerId !== caller.id) throw new Forbidden({ detail: 'Only the owner may change a résumé.' });
  requireIfMatch(ifMatch, resume.version);
  return resume;
}

async function requireResume(
  deps: ResumesDeps,
  viewer: Caller | null,
  { id, token }: ReadTarget,
): Promise<store.ResumeRow> {
  const resume = await store.findResume(deps.database, id);
  if (resume === undefined || !mayRead(resume, viewer, token)) throw new ResumeNotFound();
  return resume;
}

async function listPage(
  deps: ResumesDeps,
  viewer: Caller | null,
  query: PageQuery,
  filter: { ownerId: string | undefined; publicOnly: boolean },
): Promise<Page<Resume>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listResumes(deps.database, {
    ...filter,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return resumePages(rows, limit, {
    keyOf: (resume) => [resume.id],
    toItem: (resume) => viewOf(deps, resume, viewer),
    log: deps.runtime.log,
  });
}

async function readView(
  deps: ResumesDeps,
  transaction: Transaction,
  owner: Pick<Caller, 'id'>,
  id: string,
): Promise<Resume> {
  const resume = await store.findResume(transaction, id);
  if (resume === undefined) throw new ResumeNotFound();
  return viewOf(deps, resume, owner);
}

const viewOf = (deps: ResumesDeps, resume: store.ResumeRow, viewer: Pick<Caller, 'id'> | null): Resume => ({
  id: resume.id,
  user_id: resume.ownerId,
  title: resume.title,
  visibility: resume.visibility,
  share_url:
    resume.shareToken !== null && viewer?.id === resume.ownerId
      ? `${deps.publicUrl}/resumes/${resume.id}.html?token=${resume.shareToken}`
      : null,
  version: resume.version,
  created_at: resume.createdAt.toISOString(),
  updated_at: resume.updatedAt.toISOString(),
  ...fieldsOf(resume.document),
});
