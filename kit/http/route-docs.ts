import type { TSchema } from '@sinclair/typebox';

interface Content {
  readonly schema: TSchema | { readonly type: 'string'; readonly format?: 'binary' };
}

interface Parameter {
  readonly name: string;
  readonly in: 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: {
    readonly type: 'string' | 'integer';
    readonly maxLength?: number;
    readonly example?: string;
  };
}

/** A response that is documented by hand. */
export interface DescribedResponse {
  readonly description: string;
  readonly content?: { [mediaType: string]: Content };
}

/** What the schemas of a route do not say about it. */
interface RouteDetails {
  readonly description?: string;
  /** Request headers that the handler reads itself. */
  readonly parameters?: Parameter[];
  /** A body that the handler reads itself. */
  readonly requestBody?: { readonly required: boolean; readonly content: { [mediaType: string]: Content } };
  /** Responses that are not JSON, by status. */
  readonly responses?: { [status: string]: DescribedResponse };
}

/** The documentation of a route in the OpenAPI document. */
interface RouteDocs extends RouteDetails {
  readonly summary: string;
  readonly tags: string[];
}

/**
 * The documentation of a route, to be spread into its options.
 *
 * @param summary starts with a verb: `Create a post`
 * @param tag the group it is listed in, described in the options of `platform`
 */
export const describe = (
  summary: string,
  tag: string,
  details: RouteDetails = {},
): { detail: RouteDocs } => ({
  detail: { summary, tags: [tag], ...details },
});

export const IDEMPOTENCY_KEY = 'Idempotency-Key';

/** A request header that the handler reads itself. */
export const header = (
  name: string,
  description: string,
  schema: Parameter['schema'] = { type: 'string' },
  required = false,
): Parameter => ({ name, in: 'header', required, description, schema });

/**
 * The documentation of a route that honours `Idempotency-Key` (`kit/http/idempotency`). The gateway relies on it: it may send a
 * request with a key again.
 *
 * @param options.required whether the route rejects requests without a key
 */
export const keyed = (summary: string, tag: string, options: { required?: boolean } = {}) =>
  describe(summary, tag, {
    parameters: [
      header(
        IDEMPOTENCY_KEY,
        'A repeat with the same key and body within 24 hours gets the first response again',
        { type: 'string', maxLength: 255, example: '5f2b8a3e-9d1c' },
        options.required,
      ),
    ],
  });

/**
 * The documentation of a route that answers with server-sent events (`kit/http/streams/event-streams`).
 *
 * @param events their names and data
 * @param exampleId the form of an event id
 */
export const describeEventStream = (summary: string, tag: string, events: string, exampleId: string) =>
  describe(summary, tag, {
    description: `Server-sent events: ${events}`,
    parameters: [
      header(
        'Last-Event-ID',
        'The id of the last received event: the stream resumes after it without a gap',
        { type: 'string', maxLength: 20, example: exampleId },
      ),
    ],
    responses: { 200: { description: 'The stream', content: { 'text/event-stream': TEXT } } },
  });

const TEXT = { schema: { type: 'string' } } as const;
const BYTES = { schema: { type: 'string', format: 'binary' } } as const;

/** JSON that the route does not hold to a schema, because all of what is stored is sent. */
export const json = (description: string, schema: TSchema): DescribedResponse => ({
  description,
  content: { 'application/json': { schema } },
});

/** A page for browsers. */
export const htmlPage = (description = 'A page'): DescribedResponse => ({
  description,
  content: { 'text/html': TEXT },
});

/** Bytes of these media types, such as `image/*`. */
export const bytes = (description: string, ...mediaTypes: readonly string[]): DescribedResponse => ({
  description,
  content: Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, BYTES])),
});

/** A body of bytes that the handler streams. */
export const bytesBody = (mediaType: string) => ({ required: true, content: { [mediaType]: BYTES } });
