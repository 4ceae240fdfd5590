import type { AnyElysia } from 'elysia';
import type { JsonObject } from '#kit/http/openapi/json-object';
import { routeClaims } from '#kit/http/route-claims';
import { mergeDocuments } from '../../gateway/pages/merge-documents';
import { describeOperatorPages, type OperatorDeps, operatorPages } from '../../gateway/pages/operators';
import { createRouteTable } from '../../gateway/routing/route-table';
import { version } from '../../package.json';
import { idleRuntime, registryApp, serviceApps, standIn } from './apps';

/** Where documents say that they are served; at run time it is the address that the client has used. */
const HOST = 'http://127.0.0.1';
const GATEWAY_URL = 'http://127.0.0.1:8080';

export interface Documents {
  /** Of each service, the registry and the gateway's own routes, by name. */
  readonly own: Readonly<Record<string, JsonObject>>;
  /** The gateway's, of everything that is reached through it. */
  readonly merged: JsonObject;
}

/** The OpenAPI documents of all processes as they serve them, without starting any. */
export async function readDocuments(): Promise<Documents> {
  const services = await serviceApps();
  const routes = createRouteTable(
    services.map(({ name, app }) => ({ name, routes: routeClaims(app), prefixes: [name] })),
    () => undefined,
  );
  const gateway = describeOperatorPages(
    operatorPages(standIn<OperatorDeps>({ runtime: idleRuntime('gateway') })),
    version,
  );
  const documents = await Promise.all(
    services.map(async ({ name, app }) => ({ name, document: await documentOf(app) })),
  );
  const sources = documents.map(({ name, document }) => ({
    service: name,
    document,
    isRoot: (method: string, pattern: string) => routes.isRoot(name, method, pattern),
  }));
  return {
    own: {
      ...Object.fromEntries(documents.map(({ name, document }) => [name, document])),
      registry: await documentOf(registryApp()),
      gateway: { ...gateway, servers: [{ url: GATEWAY_URL }] },
    },
    merged: mergeDocuments([{ service: 'gateway', document: gateway, isRoot: () => true }, ...sources], {
      version,
      url: GATEWAY_URL,
    }),
  };
}

async function documentOf(app: AnyElysia): Promise<JsonObject> {
  const response = await app.handle(new Request(`${HOST}/openapi.json`));
  if (!response.ok)
    throw new Error(`/openapi.json responded with ${response.status}: ${await response.text()}`);
  return response.json();
}
