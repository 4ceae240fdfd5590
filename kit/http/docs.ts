import { resolve } from 'node:path';
import { swagger } from '@elysiajs/swagger';
import { Elysia } from 'elysia';
import style from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' };
import script from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' };
import { matchesIfNoneMatch } from './etag';
import { publicUrlOf } from './forwarding/public-url';
import { type ApiDescription, describeApp } from './openapi/document';
import type { JsonObject } from './openapi/json-object';
import { pathOf } from './request-path';

/** Imported as files, which makes them part of a bundle; there the paths are relative to the bundle. */
const ASSETS: Readonly<Record<string, { readonly file: string; readonly contentType: string }>> = {
  'swagger-ui.css': { file: style, contentType: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { file: script, contentType: 'text/javascript; charset=utf-8' },
};

const DOCUMENT_PATH = '/openapi.json';

/** Serves `/openapi.json` where the document is not generated from the routes of the app. */
export type DocumentHandler = (context: { request: Request }) => Response;

/**
 * The OpenAPI document at `/openapi.json` and `/docs/json`, generated from the routes of the app unless `document` is set, and
 * Swagger UI at `/docs`. This process serves its script and style, so that the documentation works offline.
 */
export function docs(service: ApiDescription & { readonly document?: DocumentHandler | undefined }) {
  const hidden = { hide: true, 'x-access': 'public' };
  return (app: Elysia) => {
    const documents = new Elysia({ name: 'documents' });
    if (service.document) documents.get(DOCUMENT_PATH, service.document, { detail: hidden });
    else documents.onAfterHandle(described(app, service)).use(generated(service));
    return app
      .use(documents)
      .get('/docs', ({ request, set }) => documentationPage(`Rookery ${service.name}`, request, set), {
        detail: hidden,
      })
      .get('/docs/json', ({ redirect }) => redirect(DOCUMENT_PATH, 308), { detail: hidden })
      .get('/docs/assets/:name', ({ params, request }) => documentationAsset(params.name, request), {
        detail: hidden,
      });
  };
}

const generated = ({ name, version, description = '' }: ApiDescription) =>
  swagger({
    // The plugin's page loads Swagger UI from a public CDN; the route above replaces it.
    path: '/docs',
    specPath: DOCUMENT_PATH,
    provider: 'swagger-ui',
    documentation: { info: { title: `Rookery ${name}`, version, description } },
  });

/**
 * Replaces the plugin's document, which describes no access, no errors and every media type, by the one of `describeApp`. Its
 * server is the address at which the client has asked for it.
 */
function described(app: Elysia, service: ApiDescription) {
  let document: JsonObject | undefined;
  return ({ request, route }: { request: Request; route: string }): JsonObject | undefined => {
    if (route !== DOCUMENT_PATH) return undefined;
    // Not before the first request: routes are added after the platform.
    document ??= describeApp(app, service);
    const { openapi, info, ...rest } = document;
    return { openapi, info, servers: [{ url: publicUrlOf(request) }], ...rest };
  };
}

/** The page of Swagger UI; relative URLs make it work below every prefix, with a trailing slash as well. */
function documentationPage(
  title: string,
  request: Request,
  set: { headers: Record<string, string | number | undefined> },
): string {
  set.headers['content-type'] = 'text/html; charset=utf-8';
  set.headers['content-security-policy'] =
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'";
  const up = pathOf(request.url).endsWith('/') ? '../' : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="${up}docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${up}docs/assets/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: '${up}openapi.json', dom_id: '#swagger-ui', deepLinking: true, persistAuthorization: true });</script>
</body>
</html>
`;
}

/** A file of Swagger UI, from its package. */
async function documentationAsset(name: string, request: Request): Promise<Response> {
  const served = ASSETS[name];
  if (served === undefined) return new Response(null, { status: 404 });
  const { file, contentType } = served;
  const asset = assets.get(name) ?? (await loadAsset(file));
  assets.set(name, asset);
  const { bytes, etag } = asset;
  const headers = { etag, 'cache-control': 'public, max-age=86400', 'content-type': contentType };
  if (matchesIfNoneMatch(request.headers.get('if-none-match'), etag))
    return new Response(null, { status: 304, headers });
  return new Response(chunked(bytes), { headers: { ...headers, 'content-length': String(bytes.length) } });
}

interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

async function loadAsset(file: string): Promise<Asset> {
  const bytes = await Bun.file(resolve(import.meta.dir, file)).bytes();
  return { bytes, etag: `"${Bun.hash(bytes).toString(36)}"` };
}

/** Loaded on first use; at most the two files above. */
const assets = new Map<string, Asset>();
const CHUNK_BYTES = 64 * 1024;

/** Streams views of shared bytes: a file stream would buffer half a megabyte for each slow client. */
function chunked(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let position = 0;
  return new ReadableStream(
    {
      pull(controller) {
        controller.enqueue(bytes.subarray(position, position + CHUNK_BYTES));
        position += CHUNK_BYTES;
        if (position >= bytes.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}
