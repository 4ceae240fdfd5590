import type { CollectionCount, CollectionReport, Export, Import } from './model';
import type { ArchiveRow } from './store';

const DAY_MS = 24 * 60 * 60_000;

const commonView = ({ id, status, code, createdAt, finishedAt }: ArchiveRow) => ({
  id,
  status,
  code,
  created_at: createdAt.toISOString(),
  finished_at: finishedAt?.toISOString() ?? null,
});

export const exportView = (row: ArchiveRow, retentionDays: number): Export => ({
  ...commonView(row),
  size: row.size,
  url: row.status === 'complete' ? `/archives/exports/${row.id}/file` : null,
  expires_at: new Date(row.createdAt.getTime() + retentionDays * DAY_MS).toISOString(),
  collections: (row.collections ?? []) as CollectionCount[],
});

export const importView = (row: ArchiveRow): Import => ({
  ...commonView(row),
  collections: (row.collections ?? []) as CollectionReport[],
});
