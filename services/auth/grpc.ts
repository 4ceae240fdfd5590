import { AuthServiceDefinition, Revocation_Kind } from '#contracts/gen/auth/v1/auth';
import { parseBearer } from '#kit/auth/bearer';
import type { Revocation } from '#kit/auth/denylist';
import { validated } from '#kit/errors/validation';
import { callerOf } from '#kit/grpc/access';
import { USER_AUTHORIZATION } from '#kit/grpc/metadata';
import { grpcService } from '#kit/grpc/server';
import type { IncomingCall } from '#kit/grpc/server-call';
import type { Client } from '#kit/http/client-address';
import { applyCredentials } from './credentials/replication';
import type { AuthDeps } from './deps';
import { RefreshRequest, Registration, SignIn } from './sessions/model';
import {
  expiredRefreshCookie,
  readRefreshCookie,
  refreshCookie,
  withRefreshToken,
} from './sessions/refresh-cookie';
import { refresh } from './sessions/service';
import { readMe, register, signIn, signOut } from './sessions/sign-in';
import { listRevocations } from './tokens/revocations';
import { verifiedTokenView, verifyToken } from './tokens/service';

/** The auth service's gRPC methods, for other services and the transcoding gateway. */
export const authGrpc = (deps: AuthDeps) =>
  grpcService(AuthServiceDefinition, {
    async setCredentials({ user_id, username, email, password_hash, version }) {
      const setAt = new Date(deps.now());
      const received = { userId: user_id, username, email, passwordHash: password_hash, version, setAt };
      return { applied: await applyCredentials(deps, received) };
    },
    async register(request, call) {
      const signedIn = await register(deps, validated(Registration, request), clientOf(call));
      const { username } = signedIn.user;
      return { signed_in: withCookie(call, signedIn, { status: 201, location: `/users/${username}` }) };
    },
    async login(request, call) {
      const signedIn = await signIn(deps, validated(SignIn, request), clientOf(call));
      return { signed_in: withCookie(call, signedIn) };
    },
    async refresh(request, call) {
      const refreshToken = validated(RefreshRequest, request)?.refresh_token;
      const exchange = (token: string) => refresh(deps, token);
      return { tokens: withCookie(call, await withRefreshToken(call.origin ?? {}, refreshToken, exchange)) };
    },
    async logout(request, call) {
      const refreshToken = validated(RefreshRequest, request)?.refresh_token ?? cookieOf(call);
      const accessToken = parseBearer(call.metadata(USER_AUTHORIZATION)) ?? undefined;
      await signOut(deps, { refreshToken, accessToken });
      if (call.origin) call.setHttpResponse({ headers: { 'set-cookie': expiredRefreshCookie(call.origin) } });
      return {};
    },
    async me(_request, call) {
      const { email, ...me } = await readMe(deps, await callerOf(call, deps.tokens));
      return { ...me, ...(email !== null && { email }) };
    },
    async verifyToken({ access_token }) {
      return verifiedTokenView(await verifyToken(deps, access_token));
    },
    async listRevocations() {
      return { revocations: (await listRevocations(deps)).map(revocationOf) };
    },
  });

const clientOf = ({ origin }: IncomingCall): Client => ({
  address: origin?.address ?? '',
  ...(origin?.user_agent !== undefined && { user_agent: origin.user_agent }),
});

const cookieOf = ({ origin }: IncomingCall) => (origin === undefined ? undefined : readRefreshCookie(origin));

/** Sets the same cookie as over HTTP, for calls that the gateway transcodes for a browser. */
function withCookie<Value extends { refresh_token: string }>(
  { origin, setHttpResponse }: IncomingCall,
  value: Value,
  { status, location }: { status?: number; location?: string } = {},
): Value {
  if (origin !== undefined)
    setHttpResponse({
      ...(status !== undefined && { status }),
      headers: {
        'cache-control': 'no-store',
        'set-cookie': refreshCookie(origin, value.refresh_token),
        ...(location !== undefined && { location }),
      },
    });
  return value;
}

const KINDS = {
  token: Revocation_Kind.KIND_TOKEN,
  session: Revocation_Kind.KIND_SESSION,
  user: Revocation_Kind.KIND_USER,
};

const revocationOf = ({ kind, subject, issuedUntil, expiresAt }: Revocation) => ({
  kind: KINDS[kind],
  subject,
  issued_until: issuedUntil,
  expires_at: expiresAt,
});
