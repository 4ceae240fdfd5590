import { fileURLToPath } from 'node:url';
import type { Elysia } from 'elysia';
import { type ApiDescription, describeApp } from './openapi/document';
import type { JsonObject } from './openapi/json-object';
import { publicUrlOf } from './public-url';

const ASSETS: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** Serves `/openapi.json` where the document is not generated from the routes of the app. */
export type DocumentHandler = (context: { request: Request }) => Response;

/**
 * The OpenAPI document at `/openapi.json` and `/docs/json`, generated from the routes of the app unless `document` is set, and
 * Swagger UI at `/docs`. This process serves its script and style, so that the documentation works offline.
 */
export function docs(service: ApiDescription & { readonly document?: DocumentHandler | undefined }) {
  const hidden = { hide: true, 'x-access': 'public' };
  return (app: Elysia) =>
    app
      .get('/openapi.json', service.document ?? generated(app, service), { detail: hidden })
      .get('/docs', ({ set }) => documentationPage(`Rookery ${service.name}`, set), { detail: hidden })
      .get('/docs/json', ({ redirect }) => redirect('/openapi.json', 308), { detail: hidden })
      .get('/docs/assets/:name', ({ params }) => documentationAsset(params.name), { detail: hidden });
}

/** The document of an app; its server is the address at which the client has asked for it. */
function generated(app: Elysia, service: ApiDescription): DocumentHandler {
  let document: JsonObject | undefined;
  return ({ request }) => {
    // Not before the first request: routes are added after the platform.
    document ??= describeApp(app, service);
    const { openapi, info, ...rest } = document;
    return Response.json({ openapi, info, servers: [{ url: publicUrlOf(request) }], ...rest });
  };
}

/** The page of Swagger UI; relative URLs make it work behind the gateway. */
function documentationPage(
  title: string,
  set: { headers: Record<string, string | number | undefined> },
): string {
  set.headers['content-type'] = 'text/html; charset=utf-8';
  set.headers['content-security-policy'] =
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, persistAuthorization: true });</script>
</body>
</html>
`;
}

/** A file of Swagger UI, from its package. */
async function documentationAsset(name: string): Promise<Response> {
  const contentType = ASSETS[name];
  if (contentType === undefined) return new Response(null, { status: 404 });
  const file = Bun.file(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)));
  const bytes = assets.get(name) ?? (await file.bytes());
  assets.set(name, bytes);
  return new Response(chunked(bytes), {
    headers: {
      'content-type': contentType,
      'content-length': String(bytes.length),
      'cache-control': 'public, max-age=86400',
    },
  });
}

/** Loaded on first use; at most the two files above. */
const assets = new Map<string, Uint8Array<ArrayBuffer>>();
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
