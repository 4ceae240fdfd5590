import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { SignJWT } from 'jose';
import { createServiceTokens } from '#kit/auth/service-token';
import { parseEnvironment } from '#kit/config/environment';
import { identityFields } from '#kit/config/fields';
import { withIdentity } from '#kit/config/identity-file';
import { authorityOf } from '#kit/core/address';
import { developmentIdentity, openIdentity, type ServiceIdentity } from '#kit/core/identity';
import { callersOf } from '#kit/grpc/callers';
import { type GrpcDefinition, type GrpcMethod, methodDefinition } from '#kit/grpc/definition';
import { problemFromStatus } from '#kit/grpc/status';
import { join as register } from '../support/client';
import { sharedSystem } from '../support/shared-system';

setDefaultTimeout(240_000);

/** Called without credentials: by tools, and by the registry. */
const FOR_ANYBODY = ['grpc/', 'registry/'];
const CALL_MS = 20_000;

let system: Awaited<ReturnType<typeof sharedSystem>>;
let accessToken: string;
const clients: Client[] = [];
const identities = new Map<string, ServiceIdentity>();

beforeAll(async () => {
  system = await sharedSystem();
  accessToken = (await register(system.url, 'impostor')).token;
});
afterAll(() => {
  for (const client of clients) client.close();
});

/** A method as one service serves it. */
interface Served {
  readonly service: string;
  readonly client: Client;
  readonly definition: GrpcDefinition;
  readonly method: GrpcMethod;
  readonly callers: ReadonlySet<string>;
}

test('no method of any service is open to a caller that the contract does not name', async () => {
  const served = await servedMethods(await contracts());
  const methods = new Set(served.map(({ definition, method }) => `${definition.fullName}/${method.name}`));
  const defined = (await contracts()).flatMap(({ fullName, methods: own }) =>
    Object.values(own).map(({ name }) => `${fullName}/${name}`),
  );
  expect([...methods].sort()).toEqual(defined.sort());

  const open: string[] = [];
  for (const one of served) {
    const attempts = await wrongCallers(one);
    await Promise.all(
      attempts.map(async ({ caller, token, code }) => {
        const outcome = await outcomeOf(one, token);
        // The code of the check itself, before any handler: some handlers refuse a missing user, too.
        if (outcome !== code)
          open.push(`${one.service} ${one.definition.fullName}/${one.method.name}, ${caller}: ${outcome}`);
      }),
    );
  }
  expect(open).toEqual([]);
});

test('what is refused is counted by the name of its caller', async () => {
  const response = await fetch(new URL('/metrics', system.process('likes').url));
  const refused = /^grpc_server_refused_callers_total\{.*grpc_method="AcceptLike",caller="(.*)"\} [1-9]/gm;
  const callers = [...(await response.text()).matchAll(refused)].map(([, caller]) => caller);
  expect(callers.sort()).toEqual(['unknown', 'video']);
});

async function contracts(): Promise<GrpcDefinition[]> {
  const folder = join(import.meta.dir, '..', '..', 'contracts', 'gen');
  const definitions: GrpcDefinition[] = [];
  for await (const file of new Bun.Glob('*/v1/*.ts').scan(folder)) {
    if (FOR_ANYBODY.some((prefix) => file.startsWith(prefix))) continue;
    const exported: Record<string, unknown> = await import(join(folder, file));
    // What the generated code exports under this name.
    for (const [name, value] of Object.entries(exported))
      if (name.endsWith('Definition')) definitions.push(value as GrpcDefinition);
  }
  return definitions;
}

/** Every method of every service that is registered with a gRPC port. */
async function servedMethods(definitions: readonly GrpcDefinition[]): Promise<Served[]> {
  const response = await fetch(new URL('/services', system.process('registry').url));
  const { services } = (await response.json()) as {
    services: Record<string, { host: string; grpc_port?: number }[]>;
  };
  const served: Served[] = [];
  for (const [service, [instance]] of Object.entries(services)) {
    if (instance?.grpc_port === undefined) continue;
    const client = new Client(authorityOf(instance.host, instance.grpc_port), credentials.createInsecure());
    clients.push(client);
    for (const definition of definitions)
      for (const method of Object.values(definition.methods)) {
        const one = { service, client, definition, method, callers: callersOf(method) };
        if ((await outcomeOf(one, undefined)) !== status[status.UNIMPLEMENTED]) served.push(one);
      }
  }
  return served;
}

/** Callers that prove nothing, or not that they are among those which the contract names. */
async function wrongCallers({ service, callers }: Served) {
  const [named = ''] = callers;
  const permitted = identityOf(named === '*' ? 'gateway' : named);
  const stranger = identityOf(service === 'video' ? 'chat' : 'video');
  const refused = 'service-token.refused';
  const seconds = Math.floor(Date.now() / 1000);
  const signed = (issuedAt: number) =>
    new SignJWT()
      .setIssuer(permitted.name)
      .setAudience(service)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + 60);
  const tokenOf = (identity: ServiceIdentity, audience = service) =>
    createServiceTokens(identity).tokenFor(audience);
  const expired = signed(seconds - 600).setProtectedHeader({ alg: 'EdDSA', typ: 'service+jwt' });
  const shared = signed(seconds).setProtectedHeader({ alg: 'HS256', typ: 'service+jwt' });
  const untyped = signed(seconds).setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' });
  const attempts = [
    { caller: 'without a token', token: undefined, code: refused },
    { caller: 'with garbage', token: 'e30.e30.AAAA', code: refused },
    { caller: 'with an expired token', token: await expired.sign(permitted.privateKey), code: refused },
    { caller: 'with a token for another', token: await tokenOf(permitted, `${service}s`), code: refused },
    {
      caller: 'under the name of another',
      token: await tokenOf({ ...stranger, name: permitted.name }),
      code: refused,
    },
    {
      caller: 'with the key of development',
      token: await tokenOf(developmentIdentity(permitted.name)),
      code: refused,
    },
    {
      caller: 'with a shared secret',
      token: await shared.sign(Buffer.from('development-internal-secret-of-all')),
      code: refused,
    },
    { caller: 'with another kind of token', token: await untyped.sign(permitted.privateKey), code: refused },
    { caller: 'with the access token of a user', token: accessToken, code: refused },
  ];
  if (named === '*') return attempts;
  return [
    ...attempts,
    { caller: 'as a stranger', token: await tokenOf(stranger), code: 'service.not-permitted' },
  ];
}

function identityOf(name: string): ServiceIdentity {
  const present = identities.get(name);
  if (present !== undefined) return present;
  const source = withIdentity({ IDENTITY_FILE: system.stack.identityFile(name) });
  const identity = openIdentity(name, parseEnvironment(identityFields, source).values);
  identities.set(name, identity);
  return identity;
}

/** The code of the problem of a call with an empty request, or its bare status. */
function outcomeOf({ client, definition, method }: Served, token: string | undefined): Promise<string> {
  const { path, requestDeserialize, responseDeserialize } = methodDefinition(definition, method);
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const empty = () => Buffer.alloc(0);
  const options = { deadline: Date.now() + CALL_MS };
  return new Promise((resolve) => {
    const settle = (failure: ServiceError | null) =>
      resolve(failure === null ? status[status.OK] : codeOf(failure));
    if (method.requestStream)
      client.makeClientStreamRequest(path, empty, responseDeserialize, metadata, options, settle).end();
    else
      client.makeUnaryRequest(
        path,
        empty,
        responseDeserialize,
        requestDeserialize(Buffer.alloc(0)),
        metadata,
        options,
        settle,
      );
  });
}

const codeOf = (failure: ServiceError) =>
  failure.code === status.UNIMPLEMENTED ? status[failure.code] : problemFromStatus(failure).code;
