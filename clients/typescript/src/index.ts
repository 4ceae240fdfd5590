import createFetchClient, { type Client, type ClientOptions } from 'openapi-fetch';
import type { components, operations, paths } from '../lib/schema.js';

export type { components, operations, paths };

/** The schemas of the API by name: `Schemas['timelines.Post']`. */
export type Schemas = components['schemas'];

/** The body of every error response (RFC 9457); `code` is stable. */
export type Problem = Schemas['Problem'];

export type RookeryClient = Client<paths>;

/** Options of the client, besides those of `openapi-fetch`. */
export interface RookeryOptions extends Omit<ClientOptions, 'baseUrl'> {
  /** The address of the gateway: `https://api.example.com`. */
  readonly baseUrl: string;
  /** The access token of each request, or a function that returns it; without one, requests are anonymous. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
}

/**
 * Creates a client. Each method takes a path of the API as it is documented, with `params` and `body`, and resolves with
 * `data` or, for an error status, with the problem document as `error`; both with the `response`.
 *
 * @throws TypeError from a method when no response was received (as `fetch` does)
 */
export function createClient({ token, ...options }: RookeryOptions): RookeryClient {
  const client = createFetchClient<paths>(options);
  client.use({
    async onRequest({ request }) {
      const value = typeof token === 'function' ? await token() : token;
      if (value !== undefined) request.headers.set('authorization', `Bearer ${value}`);
      return request;
    },
  });
  return client;
}

/**
 * Serializes the body of an upload, as `bodySerializer`: a field for each member, a repeated one for each item of a list.
 *
 * @param body files as `Blob`, other values as text
 */
export function multipart(body: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(body))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined && one !== null) form.append(name, one instanceof Blob ? one : String(one));
  return form;
}
