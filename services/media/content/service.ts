import type { Caller } from '#kit/auth/caller';
import { matchesIfNoneMatch } from '#kit/http/etag';
import type { MediaDeps } from '../deps';
import { assertManageable, findReadable } from '../files/access';
import type { SizeName } from '../files/model';
import type { MediaRow } from '../files/store';
import { findSizes } from '../processing/store';
import { VersionNotFound } from '../versions/model';
import { findVersion, type VersionRow } from '../versions/store';
import {
  type ContentQuery,
  FileNotReady,
  FileRejected,
  FileSizeNotFound,
  RangeNotSatisfiable,
} from './model';
import { acceptsWebp, contentDisposition, isDisplayable, rangeOf } from './rules';

interface ContentTarget {
  readonly id: string;
  readonly size?: SizeName;
}

interface ContentRequest {
  readonly query: ContentQuery;
  readonly headers: Headers;
}

/** Sends the content of a file or of one of its sizes: all of it, or one range. */
export async function readContent(
  deps: MediaDeps,
  caller: Caller | null,
  target: ContentTarget,
  request: ContentRequest,
): Promise<Response> {
  const content = await selectContent(deps, caller, target, request);
  const { sha256, size } = content.blob;
  const etag = `"${sha256}"`;
  const headers = { ...headersOf(content, target, request.query), etag };
  if (matchesIfNoneMatch(request.headers.get('if-none-match'), etag))
    return new Response(null, { status: 304, headers });
  const range = allowsRange(request.headers.get('if-range'), etag)
    ? rangeOf(request.headers.get('range'), size)
    : undefined;
  if (range === 'unsatisfiable')
    throw new RangeNotSatisfiable({ headers: { 'content-range': `bytes */${size}` } });
  const bytes = await deps.storage.read(sha256, range);
  if (range === undefined)
    return new Response(bytes, { headers: { ...headers, 'content-length': String(size) } });
  return new Response(bytes, {
    status: 206,
    headers: {
      ...headers,
      'content-range': `bytes ${range.start}-${range.end}/${size}`,
      'content-length': String(range.end - range.start + 1),
    },
  });
}

interface SelectedContent {
  readonly media: MediaRow;
  readonly version: VersionRow;
  readonly blob: { readonly sha256: string; readonly size: number; readonly type: string };
}

async function selectContent(
  deps: MediaDeps,
  caller: Caller | null,
  { id, size }: ContentTarget,
  { query, headers }: ContentRequest,
): Promise<SelectedContent> {
  const { media, version: current } = await findReadable(deps, caller, id, query);
  const version = query.version === undefined ? current : await requestedVersion(deps, caller, media, query);
  if (version.status === 'processing')
    throw new FileNotReady({ detail: 'Retry in a moment.', headers: { 'retry-after': '1' } });
  if (version.status === 'rejected') throw new FileRejected({ detail: 'The `code` of the file says why.' });
  if (size === undefined) return { media, version, blob: version };
  const sizes = (await findSizes(deps.database, [id])).filter(
    (one) => one.version === version.version && one.name === size,
  );
  const webp = sizes.find(({ type }) => type === 'image/webp');
  const preferred = acceptsWebp(headers.get('accept')) ? webp : sizes.find((one) => one !== webp);
  const blob = preferred ?? sizes[0];
  if (blob === undefined) throw new FileSizeNotFound({ detail: 'Only pictures have sizes.' });
  return { media, version, blob };
}

/** A version other than the current one is for callers who may change the file, or hold a signed URL of it. */
async function requestedVersion(
  deps: MediaDeps,
  caller: Caller | null,
  media: MediaRow,
  query: ContentQuery,
): Promise<VersionRow> {
  const { token, version: number = 0 } = query;
  const version = await findVersion(deps.database, media.id, number);
  if (version === undefined) throw new VersionNotFound();
  if (number === media.currentVersion) return version;
  if (token !== undefined && (await deps.urls.verify(token, { id: media.id, version: number })))
    return version;
  if (caller === null) throw new VersionNotFound();
  assertManageable(caller, media);
  return version;
}

/** RFC 9110, section 13.1.5. */
const allowsRange = (ifRange: string | null, etag: string): boolean => ifRange === null || ifRange === etag;

/**
 * A year, the longest that browsers honour. Shared caches revalidate after a minute: a file that was deleted or made private
 * must not be served to others for longer.
 */
const IMMUTABLE = 'max-age=31536000, immutable';
const SHARED_MAX_AGE = 's-maxage=60';

function headersOf(
  { media, version, blob }: SelectedContent,
  { size }: ContentTarget,
  query: ContentQuery,
): Record<string, string> {
  const isInline = isDisplayable(blob.type) && query.download !== true;
  const scope = media.visibility === 'public' ? 'public' : 'private';
  // The fingerprint is part of the URL: other content has another URL.
  const isFingerprinted = query.v !== undefined && query.v.length >= 8 && version.sha256.startsWith(query.v);
  return {
    'content-type': blob.type,
    'content-disposition': contentDisposition(
      isInline ? 'inline' : 'attachment',
      fileNameOf(version, blob, size),
    ),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'accept-ranges': 'bytes',
    'cache-control': isFingerprinted
      ? `${scope}, ${IMMUTABLE}${scope === 'public' ? `, ${SHARED_MAX_AGE}` : ''}`
      : `${scope}, no-cache`,
    ...(size !== undefined && { vary: 'accept' }),
  };
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/gif': 'gif',
  'image/webp': 'webp',
};

function fileNameOf(version: VersionRow, blob: SelectedContent['blob'], size: SizeName | undefined): string {
  if (size === undefined) return version.fileName;
  const stem = version.fileName.replace(/\.[A-Za-z0-9]{1,10}$/, '');
  return `${stem}-${size}.${EXTENSIONS[blob.type] ?? 'bin'}`;
}
