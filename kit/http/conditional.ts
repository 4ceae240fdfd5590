import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { defineProblem } from '../errors/problem';
import { etagOfVersion, matchesIfMatch, matchesIfNoneMatch } from './etag';
import { JsonText } from './json-text/json-text';
import type { ResponseSet } from './responses';

export const VersionConflict = defineProblem('request.version-conflict', 412, 'Version conflict');

/** The headers of a conditional change. */
export const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      maxLength: 1_000,
      description: 'The `ETag` of the version to change; 412 when it is not the current one',
      examples: ['"3"'],
    }),
  ),
});

/**
 * The route option `etag: true`: conditional GET (RFC 9110, section 13). The response carries an `ETag`, and a client that
 * has it already gets 304 instead. It is the one set by the handler, or a weak one derived from the response.
 */
export const conditional = new Elysia({ name: 'conditional' }).macro('etag', {
  detail: { responses: { 304: { description: 'The client has the current version' } } },
  afterHandle: ({ request, responseValue, set }) => {
    const etag = String(set.headers.etag ?? weakEtagOf(responseValue));
    set.headers.etag = etag;
    const known = request.headers.get('if-none-match');
    if (matchesIfNoneMatch(known, etag)) return new Response(null, { status: 304, headers: { etag } });
    return undefined;
  },
});

const weakEtagOf = (response: unknown): string => {
  const text = response instanceof JsonText ? response.source : JSON.stringify(response);
  return `W/"${Bun.hash(text).toString(36)}"`;
};

/** Returns a document with its version as a strong `ETag`. */
export function versioned<Document extends { readonly version: number }>(
  set: ResponseSet,
  document: Document,
): Document {
  set.headers.etag = etagOfVersion(document.version);
  return document;
}

/**
 * Enforces `If-Match` (RFC 9110, section 13.1.1). Without it any version is accepted; a weak tag never matches.
 *
 * @param ifMatch value of the header
 * @param version the current version of the document
 * @throws VersionConflict when the header does not name the current version
 */
export function requireIfMatch(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined) return;
  if (!matchesIfMatch(ifMatch, etagOfVersion(version)))
    throw new VersionConflict({
      detail: 'It has changed since you read it. Read it again and repeat the change.',
    });
}
