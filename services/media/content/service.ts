import type { Caller } from '#kit/auth/caller';
import { matchesIfNoneMatch } from '#kit/http/etag';
import type { MediaDeps } from '../deps';
import { assertManageable, findReadable } from '../files/access';
import type { SizeName } from '../files/model';
import type { MediaRow } from '../files/store';
import { findSizes, type SizeRow } from '../processing/store';
import { isStrippable } from '../uploads/file-types';
import { VersionNotFound } from '../versions/model';
import { copyOf } from '../versions/rules';
import { findVersion, type VersionRow } from '../versions/store';
import {
  type ContentQuery,
  FileNotReady,
  FileOwnerOnly,
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
  /** Whether somebody else would get other bytes from the same URL, now or later: no cache may share it. */
  readonly isPersonal: boolean;
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
  if (size === undefined)
    return { media, version, ...(await wholeContent(deps, { media, version, caller, query })) };
  const sizes = (await sizesOf(deps, version)).filter(({ name }) => name === size);
  const webp = sizes.find(({ type }) => type === 'image/webp');
  const preferred = acceptsWebp(headers.get('accept')) ? webp : sizes.find((one) => one !== webp);
  const blob = preferred ?? sizes[0];
  if (blob === undefined) throw new FileSizeNotFound({ detail: 'Only pictures have sizes.' });
  return { media, version, blob, isPersonal: false };
}

const sizesOf = async (deps: MediaDeps, { mediaId, version }: VersionRow): Promise<SizeRow[]> =>
  (await findSizes(deps.database, [mediaId])).filter((size) => size.version === version);

/**
 * The copy without metadata, for everybody. Where there is none, the owner gets the original, and others the largest size of a
 * picture, which never has any. Documents are the same for everybody.
 *
 * @throws FileOwnerOnly when another asks for the original, or no copy can be made
 */
async function wholeContent(
  deps: MediaDeps,
  target: { media: MediaRow; version: VersionRow; caller: Caller | null; query: ContentQuery },
): Promise<Pick<SelectedContent, 'blob' | 'isPersonal'>> {
  const { media, version, caller, query } = target;
  const isOwner = media.ownerId === caller?.id;
  if (query.original === true && !isOwner)
    throw new FileOwnerOnly({ detail: 'Without `original` you get the file without its metadata.' });
  const copy = query.original === true ? undefined : copyOf(version);
  if (copy !== undefined) return { blob: { ...copy, type: version.type }, isPersonal: false };
  if (!isStrippable(version.type)) return { blob: version, isPersonal: query.original === true };
  if (isOwner) return { blob: version, isPersonal: true };
  const largest = (await sizesOf(deps, version)).findLast(({ type }) => type !== 'image/webp');
  if (largest !== undefined) return { blob: largest, isPersonal: true };
  if (version.copyStatus === 'pending')
    throw new FileNotReady({ detail: 'Retry in a moment.', headers: { 'retry-after': '1' } });
  throw new FileOwnerOnly({ detail: 'Its metadata cannot be removed, so that others do not get it.' });
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
  { media, version, blob, isPersonal }: SelectedContent,
  { size }: ContentTarget,
  query: ContentQuery,
): Record<string, string> {
  const isInline = isDisplayable(blob.type) && query.download !== true;
  const scope = media.visibility === 'public' && !isPersonal ? 'public' : 'private';
  // The fingerprint is part of the URL: other content has another URL.
  const isFingerprinted =
    !isPersonal && query.v !== undefined && isFingerprint(query.v, { version, blob, size });
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

/** Sizes are made of the version, and are named by either of its checksums; everything else by its own. */
function isFingerprint(
  prefix: string,
  { version, blob, size }: Pick<SelectedContent, 'version' | 'blob'> & { size: SizeName | undefined },
): boolean {
  if (prefix.length < MIN_FINGERPRINT) return false;
  const checksums = size === undefined ? [blob.sha256] : [version.sha256, version.copySha256 ?? ''];
  return checksums.some((checksum) => checksum.startsWith(prefix));
}

const MIN_FINGERPRINT = 8;

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/gif': 'gif',
  'image/webp': 'webp',
};

function fileNameOf(version: VersionRow, blob: SelectedContent['blob'], size: SizeName | undefined): string {
  if (size === undefined && blob.type === version.type) return version.fileName;
  const stem = version.fileName.replace(/\.[A-Za-z0-9]{1,10}$/, '');
  return `${stem}${size === undefined ? '' : `-${size}`}.${EXTENSIONS[blob.type] ?? 'bin'}`;
}
