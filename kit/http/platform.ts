import type { Elysia } from 'elysia';
import type { Runtime } from '../core/runtime';
import { type DocumentHandler, docs } from './docs';
import { gatewayOptions } from './gateway-options';
import { operations } from './operations';
import { requests } from './requests';

/** JSON bodies; routes that take files raise it for themselves. */
export const JSON_BODY_BYTES = 1024 * 1024;

export interface PlatformOptions {
  /** For the generated documentation. */
  readonly description?: string;
  /** Media types this service reads; JSON unless it says otherwise. */
  readonly mediaTypes?: readonly string[];
  readonly bodyBytes?: number;
  /** Answers `/openapi.json` instead of the document generated from this app's routes. */
  readonly document?: DocumentHandler;
  /** Answers `/metrics` for several processes that are one to the outside. */
  readonly metrics?: () => Promise<string>;
}

/**
 * Everything a service answers that is not its business: problem documents, request ids, one log line and one
 * measurement for each request, health, metrics and documentation. Use it first: it covers the routes after it.
 */
export function platform(runtime: Runtime, options: PlatformOptions = {}) {
  const rules = {
    mediaTypes: options.mediaTypes ?? ['application/json'],
    bodyBytes: options.bodyBytes ?? JSON_BODY_BYTES,
  };
  return (app: Elysia) =>
    app
      .use(requests(runtime, rules))
      .use(gatewayOptions)
      .use(operations(runtime, options.metrics))
      .use(
        docs({
          name: runtime.name,
          version: runtime.version,
          description: options.description ?? '',
          document: options.document,
        }),
      );
}
