import { Type } from '@sinclair/typebox';
import {
  type ImportResult,
  PortabilityServiceDefinition,
  type RecordFile,
  type Record as RecordMessage,
} from '#contracts/gen/portability/v1/portability';
import { Uuid } from '#contracts/messages';
import { parseStrictJson } from '../core/strict-json';
import { defineProblem, MalformedBody, Problem, ValidationFailed } from '../errors/problem';
import { validated } from '../errors/validation';
import { type GrpcService, grpcService } from './server';

/** One record of a person's data, as it is exported. */
export interface ExportedRecord {
  /** The record as a JSON object, with the field names and formats of the HTTP API. */
  readonly data: object;
  /** The file that belongs to it, in the media storage. */
  readonly file?: RecordFile;
}

export interface ExportedPage {
  /** At most 3 MB of JSON together: the limit of a gRPC message is 4 MB. */
  readonly records: readonly ExportedRecord[];
  /** Opaque; undefined on the last page. */
  readonly nextCursor: string | undefined;
}

/** A record to import. `data` is what a stranger may have written: validate it. */
export interface ImportedRecord {
  readonly userId: string;
  readonly data: unknown;
  readonly file: RecordFile | undefined;
}

/** A person's records of one kind. */
export interface Collection {
  /** Lower-case words joined by `-`; also the name of its file in the archive. */
  readonly name: string;
  /**
   * Reads the next page of a user's records, in an order that holds between pages.
   *
   * @param cursor `nextCursor` of the previous page; undefined for the first
   */
  exportPage(userId: string, cursor: string | undefined): Promise<ExportedPage>;
  /**
   * Stores a record as the user's own, with its id and its times, and notifies nobody. Must be idempotent. Absent where the
   * records belong to others as well, so that nobody may write them alone.
   *
   * @returns `exists` when the user already has the record
   * @throws Problem when the record cannot be imported; its code is reported, and the other records are imported. A problem
   *   of status 500 or above fails the call instead, which is repeated.
   */
  importRecord?(record: ImportedRecord): Promise<'imported' | 'exists'>;
}

/** The record does not have the form in which it is exported. */
export const RecordInvalid = defineProblem('record.invalid', 422, 'Invalid record');
/** Another record has the id, so the record cannot be stored under its own. */
export const IdTaken = defineProblem('id.taken', 409, 'Id already taken');
export const CollectionNotFound = defineProblem('collection.not-found', 404, 'Collection not found');
export const CollectionReadOnly = defineProblem('collection.read-only', 409, 'Collection cannot be imported');

/** Rows that a collection reads for one page, unless its records are large. */
export const EXPORT_PAGE_SIZE = 100;
const MAX_RECORDS = 100;

/**
 * The page of rows that a query has read in the order of a key, at most `limit` of them.
 *
 * @param options.key of a row: the cursor, after which the next page begins
 */
export function exportedPage<Row>(
  rows: readonly Row[],
  options: { limit?: number; key: (row: Row) => string; record: (row: Row) => ExportedRecord },
): ExportedPage {
  const { limit = EXPORT_PAGE_SIZE, key, record } = options;
  const last = rows.at(-1);
  return {
    records: rows.map(record),
    nextCursor: last === undefined || rows.length < limit ? undefined : key(last),
  };
}

/** The page of a collection that has few records per user, read in one query. */
export const wholeCollection = (records: readonly object[]): ExportedPage => ({
  records: records.map((data) => ({ data })),
  nextCursor: undefined,
});

/**
 * Reads a time of a record.
 *
 * @throws RecordInvalid for a time in the future, with which a record would stay first in every list, for one before 1970,
 *   which a database may not store, and for a day that does not exist
 */
export function pastTime(text: string): Date {
  const time = new Date(text);
  if (!(time.getTime() >= 0 && time.getTime() <= Date.now()) || time.toISOString() !== text)
    throw new RecordInvalid();
  return time;
}

const ExportRequest = Type.Object({
  user_id: Uuid,
  collection: Type.String({ maxLength: 64 }),
  cursor: Type.Optional(Type.String({ maxLength: 1_024 })),
});
const ImportRequest = Type.Object({
  user_id: Uuid,
  collection: Type.String({ maxLength: 64 }),
  records: Type.Array(
    Type.Object({
      json: Type.String(),
      file: Type.Optional(
        Type.Object({
          sha256: Type.RegExp(/^[0-9a-f]{64}$/),
          size: Type.Integer({ minimum: 0 }),
          name: Type.RegExp(/^[\w.-]{1,200}$/),
        }),
      ),
    }),
    { maxItems: MAX_RECORDS },
  ),
});

/**
 * Serves the data of people in one service, for export and import.
 *
 * @param collections in the order in which they are imported: a collection after those that its records refer to
 */
export function portabilityGrpc(collections: readonly Collection[]): GrpcService {
  const byName = new Map(collections.map((collection) => [collection.name, collection]));
  const find = (name: string): Collection => {
    const collection = byName.get(name);
    if (collection === undefined) throw new CollectionNotFound();
    return collection;
  };
  return grpcService(PortabilityServiceDefinition, {
    listCollections: () => ({
      collections: collections.map(({ name, importRecord }) => ({
        name,
        importable: importRecord !== undefined,
      })),
    }),
    async exportRecords(request) {
      const { user_id: userId, collection, cursor } = validated(ExportRequest, request);
      const { records, nextCursor } = await find(collection).exportPage(userId, cursor);
      return {
        records: records.map(({ data, file }) => ({ json: JSON.stringify(data), file })),
        next_cursor: nextCursor,
      };
    },
    async importRecords(request) {
      const { user_id: userId, collection, records } = validated(ImportRequest, request);
      const { importRecord } = find(collection);
      if (importRecord === undefined) throw new CollectionReadOnly();
      const results: ImportResult[] = [];
      for (const record of records) results.push(await importOne(importRecord, userId, record));
      return { results };
    },
  });
}

async function importOne(
  importRecord: NonNullable<Collection['importRecord']>,
  userId: string,
  { json, file }: RecordMessage,
): Promise<ImportResult> {
  try {
    const data = parseStrictJson(json);
    return { outcome: await importRecord({ userId, data, file }), code: undefined };
  } catch (failure) {
    if (failure instanceof MalformedBody || failure instanceof ValidationFailed)
      return { outcome: 'skipped', code: RecordInvalid.code };
    if (failure instanceof Problem && failure.status < 500) return { outcome: 'skipped', code: failure.code };
    throw failure;
  }
}
