import fc from 'fast-check';
import { bindCursor, encodeCursor } from '#kit/http/lists/cursor';
import { hostilePathPart, hostileText, hostileValue } from './hostile-values';

/** An operation of the OpenAPI document, as far as a request for it depends on it. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  /** Of the first media type that is listed here. */
  readonly body: { readonly type: MediaType; readonly schema: unknown } | undefined;
  readonly query: readonly { readonly name: string; readonly schema: unknown }[];
  /** The statuses that the document names. */
  readonly statuses: readonly string[];
}

/** The rarest first: an operation that takes several is tried with the one that most others do not take. */
export const MEDIA_TYPES = [
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'application/json',
] as const;
type MediaType = (typeof MEDIA_TYPES)[number];

export interface HostileRequest {
  readonly operation: Operation;
  /** What it tries. */
  readonly kind: string;
  readonly path: string;
  readonly search: string;
  readonly body: { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
  /** Whether a part of it is nothing that the operation reads: then it may not be honoured. */
  readonly mustBeRefused: boolean;
}

type Parts = Pick<HostileRequest, 'search' | 'body'>;

/** One way to be hostile, for an operation to which it applies. */
interface Kind {
  readonly kind: string;
  readonly weight: number;
  /** Hostile values in the parameters of the path unless given. */
  readonly path?: fc.Arbitrary<string>;
  readonly parts: (path: string) => fc.Arbitrary<Parts>;
  readonly mustBeRefused: boolean;
}

/** One request for an operation, hostile in its values or in its form. */
export function hostileRequest(
  operation: Operation,
  tokens: readonly (string | undefined)[],
): fc.Arbitrary<HostileRequest> {
  const kinds = [
    ordinary,
    needlessBody,
    unknownParameter,
    repeatedParameter,
    mangledBody,
    mangledCursor,
  ].flatMap((kindFor) => kindFor(operation) ?? []);
  const requestOf = ({ kind, path: paths = hostilePathOf(operation), parts, mustBeRefused }: Kind) =>
    paths.chain((path) =>
      fc
        .record({
          parts: parts(path),
          key: fc.constantFrom(undefined, '"k"', 'a b', '\u00e9', 'x'.repeat(300)),
          token: fc.constantFrom(...tokens),
        })
        .map(({ parts: sent, key, token }) => ({
          operation,
          kind,
          path,
          ...sent,
          key,
          token,
          mustBeRefused,
        })),
    );
  return fc.oneof(...kinds.map((kind) => ({ weight: kind.weight, arbitrary: requestOf(kind) })));
}

const fill = (path: string, parts: readonly string[]): string => {
  let next = 0;
  return path.replaceAll(/\{[^}]+\}/g, () => parts[next++ % parts.length] ?? '1');
};

const hostilePathOf = ({ path }: Operation): fc.Arbitrary<string> =>
  fc.array(hostilePathPart, { minLength: 6, maxLength: 6 }).map((parts) => fill(path, parts));

/** With parameters that a service may know, so that the path is the same to the gateway and to the service. */
const plainPathOf = ({ path }: Operation): fc.Arbitrary<string> =>
  fc
    .constantFrom('hostile', '4711', '0190b1a0-0000-7000-8000-000000000000')
    .map((part) => fill(path, [part]));

const query = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`;
const hasContent = ({ method }: Operation) => method !== 'GET' && method !== 'HEAD';

/** Hostile values in path, query, headers and body. */
const ordinary = (operation: Operation): Kind => ({
  kind: 'values',
  weight: 10,
  parts: () =>
    fc
      .tuple(
        fc.array(
          fc.tuple(
            fc.constantFrom(...operation.query.map(({ name }) => name), 'cursor', 'unknown'),
            hostilePathPart,
          ),
          { maxLength: 3 },
        ),
        operation.body === undefined || !hasContent(operation)
          ? fc.constant(undefined)
          : hostileValue(operation.body.schema).map((value) => encoded(operation.body?.type, value)),
      )
      .map(([pairs, body]) => ({ search: query(pairs), body })),
  mustBeRefused: false,
});

const JSON_TYPE = 'application/json';
const bytesOf = (text: string, encoding: BufferEncoding = 'utf8') =>
  new Uint8Array(Buffer.from(text, encoding));
const json = (text: string) => ({ type: JSON_TYPE, bytes: bytesOf(text) });

const BOUNDARY = 'hostile-boundary';
const part = (name: string, value: string, more = '') =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const FILE = part('file', '%PDF-1.7\n', '; filename="a.pdf"');
const multipart = (parts: string, encoding: BufferEncoding = 'utf8') => ({
  type: `multipart/form-data; boundary=${BOUNDARY}`,
  bytes: bytesOf(`${parts}--${BOUNDARY}--\r\n`, encoding),
});
const form = (text: string, encoding: BufferEncoding = 'utf8') => ({
  type: 'application/x-www-form-urlencoded',
  bytes: bytesOf(text, encoding),
});

/** A value in a media type. The members of an object are the fields of a form. */
function encoded(type: MediaType | undefined, value: unknown): HostileRequest['body'] {
  if (type === undefined || type === JSON_TYPE) return json(JSON.stringify(value) ?? 'null');
  const fields = Object.entries(Object(value)).map(([name, field]): [string, string] => [
    name,
    String(field),
  ]);
  if (type === 'application/x-www-form-urlencoded')
    return form(
      fields.map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join('=')).join('&'),
    );
  const others = fields.filter(([name]) => name !== 'file');
  return multipart(others.map(([name, text]) => part(name, text)).join('') + FILE);
}

const withBody = (body: fc.Arbitrary<HostileRequest['body']>) => (): fc.Arbitrary<Parts> =>
  body.map((one) => ({ search: '', body: one }));

/** A body where the operation reads none. */
const needlessBody = (operation: Operation): Kind | undefined =>
  operation.body !== undefined || !hasContent(operation)
    ? undefined
    : {
        kind: 'needless body',
        weight: 4,
        parts: withBody(
          fc.oneof(
            fc
              .tuple(fc.constantFrom('amount', 'reason', '__proto__', 'a b', ''), hostileText)
              .map(([name, value]) => json(JSON.stringify(Object.fromEntries([[name, value]])))),
            fc.constantFrom('[]', 'null', '5', '"x"', '[{}]', '{', '{}x', '\u0000').map(json),
            fc.constantFrom({ type: 'text/plain', bytes: bytesOf('{}') }, form('amount=5'), multipart(FILE), {
              type: 'application/json; charset=utf-16',
              bytes: bytesOf('{}', 'utf16le'),
            }),
          ),
        ),
        mustBeRefused: true,
      };

const unknownParameter = (): Kind => ({
  kind: 'unknown parameter',
  weight: 2,
  parts: () =>
    fc
      .tuple(
        fc.constantFrom(
          'unknown',
          'offset',
          'Limit',
          'limit%20',
          'x%5B%5D',
          '__proto__',
          '%3Cscript%3E',
          '%ff',
          '',
        ),
        hostilePathPart,
      )
      .map((pair) => ({ search: query([pair]), body: undefined })),
  mustBeRefused: true,
});

const repeatedParameter = (operation: Operation): Kind | undefined =>
  operation.query.length === 0
    ? undefined
    : {
        kind: 'repeated parameter',
        weight: 2,
        parts: () =>
          fc
            .tuple(
              fc.constantFrom(...operation.query.map(({ name }) => name)),
              fc.constantFrom('1', '5', 'true'),
            )
            .map((pair) => ({ search: query([pair, pair]), body: undefined })),
        mustBeRefused: true,
      };

/** Bodies that no schema can describe: other encodings, fields beside the known ones, several values for one name. */
const mangledBody = ({ body, path }: Operation): Kind | undefined =>
  body === undefined
    ? undefined
    : {
        kind: `mangled ${body.type}`,
        weight: 3,
        parts: withBody(
          fc.constantFrom(...MANGLED[body.type], ...(OPEN_BODIES.has(path) ? [] : UNKNOWN_MEMBER[body.type])),
        ),
        mustBeRefused: true,
      };

/** Bodies of a foreign format, which may hold anything besides what is read. */
const OPEN_BODIES = new Set(['/resumes/import']);

const UNKNOWN_MEMBER: Readonly<Record<MediaType, HostileRequest['body'][]>> = {
  [JSON_TYPE]: [json('{"unknown":1}')],
  'multipart/form-data': [],
  'application/x-www-form-urlencoded': [],
};

const MANGLED: Readonly<Record<MediaType, HostileRequest['body'][]>> = {
  [JSON_TYPE]: [
    { type: JSON_TYPE, bytes: bytesOf('{"unknown":"\xff"}', 'latin1') },
    { type: 'application/json; charset=latin1', bytes: bytesOf('{}') },
    ...['{"unknown":1,"unknown":1}', '{"unknown":"\\ud800"}', '{"\\udc00":1}', 'null', '5', '[]'].map(json),
  ],
  'multipart/form-data': [
    multipart(part('visibility', '\xff') + FILE, 'latin1'),
    multipart(part('\xff', 'public') + FILE, 'latin1'),
    multipart(part('visibility', '\xed\xa0\x80') + FILE, 'latin1'),
    multipart(part('file', 'x', '; filename="\xff.pdf"'), 'latin1'),
    multipart(part('unknown', 'x') + FILE),
    multipart(FILE + part('unknown', 'x')),
    multipart(FILE + FILE),
    multipart(part('visibility', 'public') + part('visibility', 'private') + FILE),
    multipart(part('other', 'x', '; filename="a.pdf"')),
    json('{}'),
  ],
  'application/x-www-form-urlencoded': [
    ...['a=%ff', '%ff=a', 'a=%ed%a0%80', 'a=%', 'unknown=1', 'token=a&token=b', 'List-Unsubscribe=a'].map(
      (text) => form(text),
    ),
    form('token=\xff', 'latin1'),
    { type: 'text/plain', bytes: bytesOf('token=a') },
  ],
};

/** Keys that no list has made, bound to the list as if it had; and cursors of another list. */
const mangledCursor = (operation: Operation): Kind | undefined =>
  !operation.query.some(({ name }) => name === 'cursor')
    ? undefined
    : {
        kind: 'mangled cursor',
        weight: 4,
        path: plainPathOf(operation),
        parts: (path) =>
          fc
            .oneof(
              fc.constantFrom(...keysThatFit(operation)).map((key) => bindCursor(path, key)),
              fc
                .constantFrom('["4711"]')
                .map((key) => bindCursor('/another', Buffer.from(key).toString('base64url'))),
            )
            .map((cursor) => ({ search: query([['cursor', cursor]]), body: undefined })),
        mustBeRefused: true,
      };

const UUID = '0190b1a0-0000-7000-8000-000000000000';
/** Lists in the order of names that may be almost any text: such a key is where their next page begins. */
const LISTS_BY_NAME = new Set(['/rooms']);

const keysThatFit = ({ path }: Operation): string[] =>
  LISTS_BY_NAME.has(path) ? IMPOSSIBLE_KEYS : [...IMPOSSIBLE_KEYS, ...MANGLED_KEYS];

const MANGLED_KEYS = [
  ...[['\u0000'], ['-1'], ['0x10'], ['1e3'], ['9'.repeat(30)], ['\u0663'], [' 4711']],
  ...[[UUID.slice(1)], [UUID.replace('9', 'g')], [UUID.toUpperCase()], [`${UUID}'`], ['1', '2'], ['X', UUID]],
].map(encodeCursor);
const IMPOSSIBLE_KEYS = [[], ['a', 'b', 'c'], ['']]
  .map(encodeCursor)
  // The same key in another spelling, other types, no JSON.
  .concat(
    ['[ "4711" ]', '["\\u0034711"]', '[4711]', '{"0":"4711"}', 'null', '"4711"', '', 'x'].map((text) =>
      Buffer.from(text).toString('base64url'),
    ),
  );
