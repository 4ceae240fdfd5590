import { Elysia } from 'elysia';

/**
 * The route option `etag: true`: conditional GET (RFC 9110, section 13). The answer carries a weak `ETag` made from
 * its value, and a client that already holds it gets 304 instead.
 */
export const conditional = new Elysia({ name: 'conditional' }).macro('etag', {
  afterHandle: ({ request, responseValue, set }) => {
    const etag = `W/"${Bun.hash(JSON.stringify(responseValue)).toString(36)}"`;
    set.headers.etag = etag;
    const known = request.headers.get('if-none-match');
    if (known !== null && holds(known, etag)) return new Response(null, { status: 304, headers: { etag } });
    return undefined;
  },
});

const holds = (known: string, etag: string): boolean =>
  known === '*' || known.split(',').some((candidate) => candidate.trim() === etag);
