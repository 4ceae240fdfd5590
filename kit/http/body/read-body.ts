import type { TSchema } from '@sinclair/typebox';
import { type Problem, UnsupportedMediaType, ValidationFailed } from '../../errors/problem';
import { mediaTypeOf } from '../../text/media-type';
import { contentCodingProblem } from './admission';
import { parseForm, parseMultipart } from './form';
import { parseJson } from './json';
import { unknownFields } from './unknown-members';

const PARSERS = {
  'application/json': parseJson,
  'application/x-www-form-urlencoded': parseForm,
  'multipart/form-data': parseMultipart,
} as const;

/** A media type whose bodies the platform parses. */
export type MediaType = keyof typeof PARSERS;

/** What a route accepts unless its body's schema says otherwise. */
export const JSON_ONLY: readonly MediaType[] = ['application/json'];

/** Where a schema of a body says in which media types it is accepted. */
export const MEDIA_TYPES = 'x-media-types';

/** The schema of a body that is accepted in other media types than JSON; the documentation lists them. */
export const inMediaTypes = <Schema extends TSchema>(
  schema: Schema,
  ...types: readonly [MediaType, ...MediaType[]]
): Schema => ({ ...schema, [MEDIA_TYPES]: types });

/** The media types in which a body of this schema is accepted. */
export const mediaTypesOf = (schema: TSchema | undefined): readonly MediaType[] =>
  schema?.[MEDIA_TYPES] ?? JSON_ONLY;

/**
 * Reads and parses the body of a request.
 *
 * @returns undefined where nothing was sent, whatever its headers say
 * @throws UnsupportedMediaType (415) for a body of another media type, charset or content coding
 * @throws what is wrong with it (400, 422), like `parseJson`, `parseForm` and `parseMultipart`
 */
export async function readBody(
  request: Pick<Request, 'arrayBuffer' | 'headers'>,
  accepted: readonly MediaType[],
): Promise<unknown> {
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength === 0) return undefined;
  const coded = contentCodingProblem(request.headers.get('content-encoding'));
  if (coded !== null) throw coded;
  const contentType = request.headers.get('content-type') ?? '';
  const type = mediaTypeOf(contentType);
  const known = accepted.find((one) => one === type);
  if (known === undefined) throw new UnsupportedMediaType({ detail: `Send ${accepted.join(' or ')}.` });
  return PARSERS[known](bytes, contentType);
}

/**
 * What is wrong with a GET or HEAD request that announces content: it has no meaning (RFC 9110, section 9.3.1), and servers
 * drop it unread. It is refused rather than ignored.
 */
export function problemOfContent({
  method,
  headers,
}: Pick<Request, 'method' | 'headers'>): Problem | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const isAnnounced = Number(headers.get('content-length') ?? 0) > 0 || headers.has('transfer-encoding');
  return isAnnounced ? needlessBody() : undefined;
}

/**
 * What is wrong with the body of a request that takes none. Clients that always send JSON send `{}`, which says nothing.
 *
 * @param body of `readBody`
 */
export function problemOfNeedlessBody(body: unknown): Problem | undefined {
  if (body === undefined) return undefined;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return needlessBody();
  const names = Object.keys(body);
  return names.length === 0
    ? undefined
    : unknownFields(
        names.map((name) => [name]),
        'body',
      );
}

const needlessBody = (): Problem =>
  new ValidationFailed({ errors: [{ field: 'body', message: 'Expected no body' }] });
