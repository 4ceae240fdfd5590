import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { defineProblem } from '../errors/problem';
import { etagOfVersion, matchesIfMatch, matchesIfNoneMatch } from './etag';
import type { ResponseSet } from './responses';

export const VersionConflict = defineProblem(
  'request.version-conflict',
  412,
  'It has been changed since you read it: read it again and repeat your change',
);

/** The headers of a change that may depend on the version the client has read. */
export const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      maxLength: 1_000,
      description: 'The `ETag` you have read: the change is made only if it still holds, else 412',
      examples: ['"3"'],
    }),
  ),
});

/**
 * The route option `etag: true`: conditional GET (RFC 9110, section 13). The answer carries an `ETag`, and a client that
 * already holds it gets 304 instead. It is the one the handler has set, or else a weak one made from the answer's value.
 */
export const conditional = new Elysia({ name: 'conditional' }).macro('etag', {
  afterHandle: ({ request, responseValue, set }) => {
    const etag = String(set.headers.etag ?? `W/"${Bun.hash(JSON.stringify(responseValue)).toString(36)}"`);
    set.headers.etag = etag;
    const known = request.headers.get('if-none-match');
    if (matchesIfNoneMatch(known, etag)) return new Response(null, { status: 304, headers: { etag } });
    return undefined;
  },
});

/** Answers a document with its version as a strong `ETag`. */
export function versioned<Document extends { readonly version: number }>(
  set: ResponseSet,
  document: Document,
): Document {
  set.headers.etag = etagOfVersion(document.version);
  return document;
}

/**
 * Holds a change to the version its client has read (RFC 9110, section 13.1.1). Without `If-Match` any version will do;
 * a weak tag never does.
 *
 * @param ifMatch the header's value
 * @throws VersionConflict when the document has another version by now
 */
export function requireIfMatch(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined) return;
  if (!matchesIfMatch(ifMatch, etagOfVersion(version))) throw new VersionConflict();
}
