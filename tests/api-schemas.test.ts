import { expect, test } from 'bun:test';
import { type TSchema, TypeGuard } from '@sinclair/typebox';
import { registryApp, serviceApps } from '../scripts/openapi/apps';

/** What the schemas of all services promise, from their route tables and OpenAPI documents. No infrastructure. */

const apps = new Map((await serviceApps()).map(({ name, app }) => [name, app]));
const schemaIn = (value: unknown): TSchema | undefined =>
  typeof value === 'object' && value !== null ? (value as TSchema) : undefined;
const routes = [...apps].flatMap(([service, app]) =>
  app.routes.map(({ method, path, hooks }) => ({
    service,
    method,
    path,
    body: schemaIn(hooks.body),
    query: schemaIn(hooks.query),
    isPage: hooks.detail?.tags?.includes('Pages') === true,
  })),
);

test('a body is required in the document exactly where the route requires it, in the media types it accepts', async () => {
  const optional: string[] = [];
  for (const [service, app] of apps) {
    const document = await (await app.handle(new Request('http://localhost/openapi.json'))).json();
    for (const { method, path, body } of routes.filter((route) => route.service === service)) {
      const shape = path.replaceAll(/:([^/]+)/g, '{$1}');
      const described = document.paths[shape]?.[method.toLowerCase()]?.requestBody;
      if (body === undefined || described === undefined) continue;
      const isOptional = TypeGuard.IsOptional(body);
      if (isOptional) optional.push(`${method} ${path}`);
      const types = body['x-media-types'] ?? ['application/json'];
      expect([method, path, described.required, Object.keys(described.content)]).toEqual([
        ...[method, path, !isOptional, types],
      ]);
    }
  }
  expect(optional).toContain('POST /auth/refresh');
  expect(optional).toContain('POST /payments/:id/refunds');
});

/**
 * Texts of machines, which people neither write nor read: tokens, ids, amounts, cursors. Their length is one of characters;
 * what they must look like, their readers know.
 */
const MACHINE_TEXT = [
  ...['amount', 'cursor', 'epoch', 'ids', 'refresh_token', 'token', 'token_type_hint', 'v'],
  // What apps send (RFC 6749, 7591, 7636, 8628; OpenID Connect).
  ...['client_id', 'client_secret', 'code', 'code_challenge', 'code_challenge_method', 'code_verifier'],
  ...['device_code', 'grant_type', 'grant_types', 'login_hint', 'max_age', 'nonce', 'prompt', 'redirect_uri'],
  ...['redirect_uris', 'response_mode', 'response_type', 'response_types', 'scope', 'state', 'user_code'],
  // What browsers send of passkeys (WebAuthn), and recovery codes, which are drawn.
  ...['recovery_code', 'transports', 'userHandle'],
  // Also with 00 in place of +, which the parser of accounts turns into it.
  'phone_number',
  // Cut by notifications, which asks for the mail.
  'excerpt',
  // `countCharacters` measures a post: an address counts as 23 characters, whatever its length.
  'text',
];

test('every text that people type is bounded by kit/text, in graphemes and code units', () => {
  const bare = routes.flatMap(({ method, path, body, query, isPage }) =>
    [body, query].flatMap((schema) =>
      // What people type into the form of a page is validated by the use case it leads to, so that the page can say beside
      // the field what is wrong.
      schema === undefined || isPage ? [] : bareTexts(schema).map((name) => `${method} ${path}: ${name}`),
    ),
  );
  const typed = bare.filter(
    (place) => !MACHINE_TEXT.includes(place.split('.').at(-1)?.split(': ').at(-1) ?? ''),
  );
  expect([...new Set(typed)]).toEqual([]);
});

/** The paths of strings that only a number of characters limits, or nothing at all. */
function bareTexts(schema: TSchema, path: readonly string[] = []): string[] {
  if (Array.isArray(schema.anyOf) || Array.isArray(schema.allOf))
    return [...(schema.anyOf ?? []), ...(schema.allOf ?? [])].flatMap((one: TSchema) => bareTexts(one, path));
  if (TypeGuard.IsArray(schema)) return bareTexts(schema.items, path);
  if (TypeGuard.IsObject(schema))
    return Object.entries(schema.properties).flatMap(([name, member]) => bareTexts(member, [...path, name]));
  if (!TypeGuard.IsString(schema) || schema.format !== undefined || schema.pattern !== undefined) return [];
  return [path.join('.')];
}

test('every route is under the rule that personal responses are stored by no cache', async () => {
  const outside: string[] = [];
  for (const [service, app] of [...apps, ['registry', registryApp()] as const])
    for (const { method, path, hooks } of app.routes) {
      const mapping = [hooks.mapResponse].flat().map((hook) => Object(hook).fn ?? hook);
      if (!mapping.some((hook) => typeof hook === 'function' && String(hook).includes('keepPrivate')))
        outside.push(`${service}: ${method} ${path}`);
    }
  expect(outside).toEqual([]);
});
