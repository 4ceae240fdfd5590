import type { Elysia } from 'elysia';
import type { Runtime } from '../core/runtime';
import { JSON_BODY_BYTES } from './body/admission';
import { type DocumentHandler, docs } from './docs';
import { gatewayOptions } from './gateway-options';
import type { SecuritySchemes } from './openapi/security';
import { operations } from './operations/operations';
import { type ProblemPage, requests } from './requests';
import { routeShares } from './shares/route-shares';

export interface PlatformOptions {
  /** For the generated documentation. */
  readonly description?: string;
  /** The description of each tag, for the generated documentation. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The models of the service, whose names the generated documentation uses. */
  readonly schemas?: Readonly<Record<string, unknown>>;
  /** For the generated documentation: what clients send for access rules of the service's own. */
  readonly securitySchemes?: SecuritySchemes;
  /** For services with pages: `problemPage` of `kit/http/html/problem-page`. */
  readonly problemPage?: ProblemPage;
  /** Maximum size of a request body; 1 MiB by default. */
  readonly bodyBytes?: number;
  /** Serves `/openapi.json` instead of the document generated from the routes of this app. */
  readonly document?: DocumentHandler;
  /** Serves `/metrics`, for several processes that appear as one. */
  readonly metrics?: () => Promise<string>;
}

/**
 * The cross-cutting parts of a service: problem documents, request ids, one log line and one measurement per request,
 * health, metrics and documentation. Use it first: it covers the routes after it.
 */
export function platform(runtime: Runtime, options: PlatformOptions = {}) {
  const rules = {
    bodyBytes: options.bodyBytes ?? JSON_BODY_BYTES,
    problemPage: options.problemPage,
  };
  return (app: Elysia) =>
    app
      .use(requests(runtime, rules))
      .use(gatewayOptions)
      .use(routeShares(runtime))
      .use(operations(runtime, options.metrics))
      .use(
        docs({
          name: runtime.name,
          version: runtime.version,
          description: options.description ?? '',
          tags: options.tags ?? {},
          schemas: options.schemas ?? {},
          securitySchemes: options.securitySchemes ?? {},
          document: options.document,
        }),
      );
}
