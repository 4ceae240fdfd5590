/** The documentation of a route in the OpenAPI document. */
interface RouteDocs {
  readonly summary: string;
  readonly tags: string[];
}

/**
 * The documentation of a route, to be spread into its options.
 *
 * @param summary starts with a verb: `Create a post`
 * @param tag the group it is listed in
 */
export const describe = (summary: string, tag: string): { detail: RouteDocs } => ({
  detail: { summary, tags: [tag] },
});

export const IDEMPOTENCY_KEY = 'Idempotency-Key';

/**
 * The documentation of a route that honours `Idempotency-Key` (`kit/http/idempotency`). The gateway relies on it: it may send a
 * request with a key again.
 *
 * @param options.required whether the route rejects requests without a key
 */
export const keyed = (summary: string, tag: string, options: { required?: boolean } = {}) => ({
  detail: {
    summary,
    tags: [tag],
    parameters: [
      {
        name: IDEMPOTENCY_KEY,
        in: 'header' as const,
        required: options.required ?? false,
        description: 'A repeat with the same key and body within 24 hours gets the first response again',
        schema: { type: 'string' as const, maxLength: 255, example: '5f2b8a3e-9d1c' },
      },
    ],
  },
});
