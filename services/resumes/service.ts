import { randomBytes } from 'node:crypto';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { Forbidden } from '#kit/errors/problem';
import { requireIfMatch } from '#kit/http/conditional';
import { type IdempotentRequest, idempotent, type StoredResponse } from '#kit/http/idempotency';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import { checkedResume, type JsonResume } from './json-resume';
import {
  type ImportQuery,
  type NewResume,
  RESUMES_EACH,
  type Resume,
  type ResumeChange,
  ResumeNotFound,
  TooManyResumes,
} from './model';
import { fieldsOf, maySee, READ_ALL, titleOf, type Viewer, type Visibility, withFields } from './rules';
import * as store from './store';

export interface ResumesDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  /** Where links to shared résumés begin, without a slash at the end. */
  readonly publicUrl: string;
}

/** What a request says of itself besides its body. */
export type RequestKey = Pick<IdempotentRequest, 'key' | 'method' | 'route'>;

/** Which résumé is changed, by whom, and which version of it they have read. */
export interface Target {
  readonly id: string;
  readonly caller: Caller;
  readonly ifMatch: string | undefined;
}

/** 128 bits: nobody comes upon a shared résumé by trying. */
const SHARE_TOKEN_BYTES = 16;

export function createResume(
  deps: ResumesDeps,
  caller: Caller,
  input: NewResume,
  request: RequestKey,
): Promise<StoredResponse<Resume>> {
  mustBeOwn(caller, input.user_id);
  return insertOnce(deps, caller, input, request, {
    title: input.title,
    visibility: input.visibility ?? 'private',
    document: checkedResume(withFields({}, input)),
  });
}

export function importResume(
  deps: ResumesDeps,
  caller: Caller,
  input: ImportQuery & { document: unknown },
  request: RequestKey,
): Promise<StoredResponse<Resume>> {
  const document = checkedResume(input.document);
  return insertOnce(deps, caller, input, request, {
    title: input.title ?? titleOf(document),
    visibility: input.visibility ?? 'private',
    document,
  });
}

/** @throws ResumeNotFound, also for one that is not shared with the viewer */
export async function readResume(deps: ResumesDeps, id: string, viewer: Viewer): Promise<Resume> {
  return viewOf(deps, await mustSee(deps, id, viewer), viewer.id);
}

/** The résumé as JSON Resume, just as it was imported. */
export async function exportResume(
  deps: ResumesDeps,
  id: string,
  viewer: Viewer,
): Promise<{ document: JsonResume; title: string; version: number; visibility: Visibility }> {
  return mustSee(deps, id, viewer);
}

/** One's own, or everybody's for those who may read them all. */
export const listResumes = (deps: ResumesDeps, caller: Caller, query: PageQuery) =>
  listPage(deps, caller, query, {
    ownerId: caller.permissions.includes(READ_ALL) ? undefined : caller.id,
    publicOnly: false,
  });

/** Somebody's: all for themselves and for those who may read them all, the public ones for others. */
export const listResumesOf = (deps: ResumesDeps, viewer: Caller | null, ownerId: string, query: PageQuery) =>
  listPage(deps, viewer, query, {
    ownerId,
    publicOnly: viewer?.id !== ownerId && viewer?.permissions.includes(READ_ALL) !== true,
  });

export async function changeResume(deps: ResumesDeps, target: Target, change: ResumeChange): Promise<Resume> {
  mustBeOwn(target.caller, change.user_id);
  return inTransaction(deps.database, async (transaction) => {
    const resume = await mustOwn(transaction, target);
    const visibility = change.visibility ?? resume.visibility;
    await store.updateResume(transaction, target.id, {
      title: change.title ?? resume.title,
      visibility,
      shareToken: shareTokenFor(visibility, resume.shareToken),
      document: checkedResume(withFields(resume.document, change)),
    });
    return readAfterChange(deps, transaction, target.id);
  });
}

export async function deleteResume(deps: ResumesDeps, target: Target): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    await store.deleteResume(transaction, await mustOwn(transaction, target));
  });
}

async function insertOnce(
  deps: ResumesDeps,
  caller: Caller,
  body: unknown,
  request: RequestKey,
  resume: { title: string; visibility: Visibility; document: JsonResume },
): Promise<StoredResponse<Resume>> {
  return idempotent(deps.database, { ...request, caller: caller.id, body }, async () => {
    const id = uuidv7();
    return async (transaction) => {
      if ((await store.countOneMore(transaction, caller.id)) > RESUMES_EACH) throw new TooManyResumes();
      const shareToken = shareTokenFor(resume.visibility, null);
      await store.insertResume(transaction, { id, ownerId: caller.id, shareToken, ...resume });
      const view = await readAfterChange(deps, transaction, id);
      return { status: 201, headers: { location: `/resumes/${id}`, etag: `"${view.version}"` }, body: view };
    };
  });
}

/** A link that was taken back stays dead: sharing again makes another. */
const shareTokenFor = (visibility: Visibility, present: string | null): string | null =>
  visibility === 'link' ? (present ?? randomBytes(SHARE_TOKEN_BYTES).toString('base64url')) : null;

function mustBeOwn(caller: Caller, userId: string | undefined): void {
  if (userId !== undefined && userId !== caller.id)
    throw new Forbidden({ detail: 'A résumé belongs to the person who writes it.' });
}

async function mustOwn(transaction: Transaction, { id, caller, ifMatch }: Target): Promise<store.ResumeRow> {
  const resume = await store.lockResume(transaction, id);
  if (resume === undefined || !maySee(resume, { ...caller, token: undefined })) throw new ResumeNotFound();
  if (resume.ownerId !== caller.id) throw new Forbidden({ detail: 'Only its owner changes a résumé.' });
  requireIfMatch(ifMatch, resume.version);
  return resume;
}

async function mustSee(deps: ResumesDeps, id: string, viewer: Viewer): Promise<store.ResumeRow> {
  const resume = await store.findResume(deps.database, id);
  if (resume === undefined || !maySee(resume, viewer)) throw new ResumeNotFound();
  return resume;
}

async function listPage(
  deps: ResumesDeps,
  viewer: Caller | null,
  query: PageQuery,
  which: { ownerId: string | undefined; publicOnly: boolean },
): Promise<Page<Resume>> {
  const { limit, after } = readPageQuery<[id: string]>(query, 1);
  const rows = await store.listResumes(deps.database, {
    ...which,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(
    rows,
    limit,
    (resume) => [resume.id],
    (resume) => viewOf(deps, resume, viewer?.id ?? null),
  );
}

async function readAfterChange(deps: ResumesDeps, transaction: Transaction, id: string): Promise<Resume> {
  const resume = await store.findResume(transaction, id);
  if (resume === undefined) throw new ResumeNotFound();
  return viewOf(deps, resume, resume.ownerId);
}

const viewOf = (deps: ResumesDeps, resume: store.ResumeRow, viewerId: string | null): Resume => ({
  id: resume.id,
  user_id: resume.ownerId,
  title: resume.title,
  visibility: resume.visibility,
  share_url:
    resume.shareToken !== null && viewerId === resume.ownerId
      ? `${deps.publicUrl}/resumes/${resume.id}.html?token=${resume.shareToken}`
      : null,
  version: resume.version,
  created_at: resume.createdAt.toISOString(),
  updated_at: resume.updatedAt.toISOString(),
  ...fieldsOf(resume.document),
});
