import type { Caller } from '#kit/auth/caller';
import {
  type ContentQuery,
  FileNotReady,
  FileRejected,
  FileSizeNotFound,
  RangeNotSatisfiable,
  type SizeName,
  VersionNotFound,
} from './model';
import { acceptsWebp, contentDisposition, matchesTag, mayBeShown, rangeOf } from './rules';
import { findReadable, type MediaDeps, mustManage } from './service';
import * as store from './store';

export interface ContentRequest {
  readonly id: string;
  readonly size?: SizeName;
  readonly query: ContentQuery;
  readonly caller: Caller | null;
  readonly headers: Headers;
}

/** Answers with the bytes of a file, or of one of its sizes: all of them, or those of a range. */
export async function readContent(deps: MediaDeps, request: ContentRequest): Promise<Response> {
  const { headers } = request;
  const found = await find(deps, request);
  const { sha256, size } = found.bytes;
  const tag = `"${sha256}"`;
  const answer = { ...headersOf(found, request), etag: tag };
  if (matchesTag(headers.get('if-none-match'), tag))
    return new Response(null, { status: 304, headers: answer });
  const range = mayAnswerRange(headers.get('if-range'), tag)
    ? rangeOf(headers.get('range'), size)
    : undefined;
  if (range === 'unsatisfiable')
    throw new RangeNotSatisfiable({ headers: { 'content-range': `bytes */${size}` } });
  const bytes = await deps.storage.read(sha256, range);
  if (range === undefined)
    return new Response(bytes, { headers: { ...answer, 'content-length': String(size) } });
  return new Response(bytes, {
    status: 206,
    headers: {
      ...answer,
      'content-range': `bytes ${range.start}-${range.end}/${size}`,
      'content-length': String(range.end - range.start + 1),
    },
  });
}

interface Found {
  readonly media: store.MediaRow;
  readonly version: store.VersionRow;
  readonly bytes: { readonly sha256: string; readonly size: number; readonly type: string };
}

async function find(deps: MediaDeps, { id, size, query, caller, headers }: ContentRequest): Promise<Found> {
  const file = await findReadable(deps, id, caller, query);
  const { media } = file;
  const version = query.version === undefined ? file.version : await earlier(deps, media, query, caller);
  if (version.status === 'processing') throw new FileNotReady({ headers: { 'retry-after': '1' } });
  if (version.status === 'rejected') throw new FileRejected();
  if (size === undefined) return { media, version, bytes: version };
  const sizes = (await store.findSizes(deps.database, [id])).filter(
    (one) => one.version === version.version && one.name === size,
  );
  const webp = sizes.find(({ type }) => type === 'image/webp');
  const bytes = acceptsWebp(headers.get('accept')) ? webp : sizes.find((one) => one !== webp);
  const best = bytes ?? sizes[0];
  if (best === undefined) throw new FileSizeNotFound();
  return { media, version, bytes: best };
}

/** Versions that are not shown are for who may change the file, or holds an address they made. */
async function earlier(
  deps: MediaDeps,
  media: store.MediaRow,
  query: ContentQuery,
  caller: Caller | null,
): Promise<store.VersionRow> {
  const { token, version: number = 0 } = query;
  const version = await store.findVersion(deps.database, media.id, number);
  if (version === undefined) throw new VersionNotFound();
  if (number === media.currentVersion) return version;
  if (token !== undefined && (await deps.urls.opens(token, { id: media.id, version: number })))
    return version;
  if (caller === null) throw new VersionNotFound();
  mustManage(media, caller);
  return version;
}

/** RFC 9110, section 13.1.5. */
const mayAnswerRange = (ifRange: string | null, tag: string): boolean => ifRange === null || ifRange === tag;

/** A year: as long as anything is kept (RFC 9111 gives no limit, browsers do). */
const FOR_EVER = 'max-age=31536000, immutable';

function headersOf(
  { media, version, bytes }: Found,
  { size, query }: ContentRequest,
): Record<string, string> {
  const shown = mayBeShown(bytes.type) && query.download !== true;
  const scope = media.visibility === 'public' ? 'public' : 'private';
  // The fingerprint is in the address: other bytes have another.
  const hashed = query.v !== undefined && query.v.length >= 8 && version.sha256.startsWith(query.v);
  return {
    'content-type': bytes.type,
    'content-disposition': contentDisposition(shown ? 'inline' : 'attachment', nameOf(version, bytes, size)),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'accept-ranges': 'bytes',
    'cache-control': `${scope}, ${hashed ? FOR_EVER : 'no-cache'}`,
    ...(size !== undefined && { vary: 'accept' }),
  };
}

const ENDINGS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/gif': 'gif',
  'image/webp': 'webp',
};

function nameOf(version: store.VersionRow, bytes: Found['bytes'], size: SizeName | undefined): string {
  if (size === undefined) return version.fileName;
  const stem = version.fileName.replace(/\.[A-Za-z0-9]{1,10}$/, '');
  return `${stem}-${size}.${ENDINGS[bytes.type] ?? 'bin'}`;
}
