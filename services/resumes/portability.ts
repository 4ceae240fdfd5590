import { Type } from '@sinclair/typebox';
import { Timestamp, Uuid } from '#contracts/messages';
import { validated } from '#kit/errors/validation';
import { exportedPage, IdTaken, type ImportedRecord, pastTime, portabilityGrpc } from '#kit/grpc/portability';
import { nullable } from '#kit/http/schemas';
import { inTransaction } from '#kit/mysql/database';
import { normalizeText } from '#kit/text/identity';
import { acceptedResume } from './accepted';
import type { ResumesDeps } from './deps';
import { JsonResumeBody, MAX_RESUMES, Title, TooManyResumes, Visibility } from './model';
import * as store from './store';

/** A document may have almost 1 MB. */
const PAGE_SIZE = 2;

const ResumeRecord = Type.Object({
  id: Uuid,
  title: Title,
  visibility: Visibility,
  share_token: nullable(Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' })),
  version: Type.Integer({ minimum: 1, maximum: 4_000_000_000 }),
  created_at: Timestamp,
  updated_at: Timestamp,
  document: JsonResumeBody,
});

/** The data of people in this service. */
export const resumesPortability = (deps: Pick<ResumesDeps, 'database'>) =>
  portabilityGrpc([
    {
      name: 'resumes',
      async exportPage(ownerId, cursor) {
        const rows = await store.listResumes(deps.database, {
          ownerId,
          publicOnly: false,
          beforeId: cursor ?? null,
          limit: PAGE_SIZE,
        });
        return exportedPage(rows, { limit: PAGE_SIZE, key: ({ id }) => id, record: recordOf });
      },
      importRecord: (record) => importResume(deps, record),
    },
  ]);

const recordOf = (resume: store.ResumeRow) => ({
  data: {
    id: resume.id,
    title: resume.title,
    visibility: resume.visibility,
    share_token: resume.shareToken,
    version: resume.version,
    created_at: resume.createdAt.toISOString(),
    updated_at: resume.updatedAt.toISOString(),
    document: resume.document,
  },
});

async function importResume(
  { database }: Pick<ResumesDeps, 'database'>,
  { userId, data }: ImportedRecord,
): Promise<'imported' | 'exists'> {
  const record = validated(ResumeRecord, data);
  const document = acceptedResume(record.document);
  return inTransaction(database, async (transaction) => {
    const existing = await store.lockResume(transaction, record.id);
    if (existing !== undefined && existing.ownerId !== userId) throw new IdTaken();
    if (existing !== undefined) return 'exists';
    if ((await store.incrementCount(transaction, userId)) > MAX_RESUMES) throw new TooManyResumes();
    await store.insertResume(transaction, {
      id: record.id,
      ownerId: userId,
      title: normalizeText(record.title),
      visibility: record.visibility,
      shareToken: record.visibility === 'link' ? record.share_token : null,
      version: record.version,
      createdAt: pastTime(record.created_at),
      updatedAt: pastTime(record.updated_at),
      document,
    });
    return 'imported';
  });
}
