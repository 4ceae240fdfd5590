import { Elysia } from 'elysia';
import { SignJWT } from 'jose';
import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import { grpcService } from '#kit/grpc/server';
import { serveService } from '#kit/service';

/** Of the auth service: what every verifier loads at its start. */
const definition = {
  ...AuthServiceDefinition,
  methods: { listRevocations: AuthServiceDefinition.methods.listRevocations },
} as const;

/** Serves an empty list of revocations, and registers. */
export const serveAuth = (
  runtime: Runtime,
  registry: { readonly url: string; readonly credential: string },
): Promise<unknown> =>
  serveService(
    runtime,
    {
      HOST: '127.0.0.1',
      PORT: 0,
      ADVERTISED_HOST: undefined,
      REGISTRY_URL: [registry.url],
      REGISTRY_CREDENTIAL: registry.credential,
      REGISTRY_TOKEN: '',
      SHUTDOWN_TIMEOUT_MS: 1_000,
    },
    { app: new Elysia(), grpc: [grpcService(definition, { listRevocations: () => ({ revocations: [] }) })] },
  );

/** An access token as the auth service issues it. */
export const accessToken = (settings: { JWT_SECRET: string; JWT_ISSUER: string }): Promise<string> =>
  new SignJWT({
    sid: '0192f0c1-0000-7000-8000-000000000001',
    username: 'alice',
    roles: ['user'],
    permissions: [],
  })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject('0192f0c1-0000-7000-8000-000000000000')
    .setJti('0192f0c1-0000-7000-8000-000000000002')
    .setIssuer(settings.JWT_ISSUER)
    .setAudience('rookery')
    .setIssuedAt()
    .setExpirationTime('1 hour')
    .sign(new TextEncoder().encode(settings.JWT_SECRET));
