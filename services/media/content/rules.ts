import { create } from 'content-disposition';
import Negotiator from 'negotiator';
import { parse } from 'range-parser';

/** RFC 6266: a plain `filename` and, where that cannot hold the name, an encoded `filename*` (RFC 8187). */
export const contentDisposition = (type: 'inline' | 'attachment', fileName: string): string =>
  // A lone surrogate cannot be encoded.
  create(fileName.toWellFormed(), { type });

/** Pictures that browsers display and that cannot run code. */
const DISPLAYABLE = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif']);

export const isDisplayable = (type: string): boolean => DISPLAYABLE.has(type);

/** Of `range-parser`: the header holds an invalid range. */
const INVALID = 1;

/**
 * The bytes that a `Range` header selects (RFC 9110, section 14.2).
 *
 * @returns undefined for the whole file: without a header, for an invalid one, and for several ranges, which a server
 *   may answer with the whole
 */
export function rangeOf(
  header: string | null,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  if (header === null || header.includes(',')) return undefined;
  const { type, code, ranges } = parse(size, header.trim());
  if (type !== 'bytes' || (code & INVALID) !== 0) return undefined;
  return ranges[0] ?? 'unsatisfiable';
}

/** Only an explicit `image/webp` counts: clients that do not support it also send `image/*`. */
export const acceptsWebp = (accept: string | null): boolean =>
  new Negotiator({ headers: { accept: accept ?? '' } })
    .mediaTypes()
    .some((type) => type.toLowerCase() === 'image/webp');
