import { AuthServiceDefinition, Revocation_Kind } from '#contracts/gen/auth/v1/auth';
import type { Revocation } from '#kit/auth/denylist';
import { validated } from '#kit/errors/validation';
import { callerOf } from '#kit/grpc/access';
import { USER_AUTHORIZATION } from '#kit/grpc/metadata';
import { grpcService } from '#kit/grpc/server';
import type { IncomingCall } from '#kit/grpc/server-call';
import type { Client } from '#kit/http/client-address';
import type { AuthServiceDeps } from '.';
import { setCredentials } from './credentials/service';
import { RefreshRequest, Registration, SignIn } from './sessions/model';
import {
  noRefreshCookie,
  readRefreshCookie,
  refreshCookie,
  withRefreshToken,
} from './sessions/refresh-cookie';
import { refresh } from './sessions/service';
import { register, signIn } from './sessions/sign-in';
import { listRevocations } from './tokens/revocations';
import { accessTokenIn, logOut, readMe, verifyToken } from './tokens/service';

/** What other services ask about secrets and tokens. */
export const authGrpc = (deps: AuthServiceDeps) =>
  grpcService(AuthServiceDefinition, {
    async setCredentials({ user_id, username, email, password_hash, version }) {
      const setAt = new Date(deps.now());
      const sent = { userId: user_id, username, email, passwordHash: password_hash, version, setAt };
      return { applied: await setCredentials(deps, sent) };
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
      const sent = validated(RefreshRequest, request)?.refresh_token;
      const tokens = await withRefreshToken(call.origin ?? {}, sent, (token) => refresh(deps, token));
      return { tokens: withCookie(call, tokens) };
    },
    async logout(request, call) {
      const refreshToken = validated(RefreshRequest, request)?.refresh_token ?? cookieOf(call);
      await logOut(deps, { refreshToken, accessToken: accessTokenIn(call.metadata(USER_AUTHORIZATION)) });
      if (call.origin) call.setHttpResponse({ headers: { 'set-cookie': noRefreshCookie(call.origin) } });
      return {};
    },
    async me(_request, call) {
      const { email, ...me } = await readMe(deps, await callerOf(call, deps.tokens));
      return { ...me, ...(email !== null && { email }) };
    },
    async verifyToken({ access_token }) {
      const caller = await verifyToken(deps, access_token);
      return {
        user_id: caller.id,
        username: caller.username,
        session_id: caller.sessionId,
        token_id: caller.tokenId,
        roles: [...caller.roles],
        permissions: [...caller.permissions],
        issued_at: caller.issuedAt,
        expires_at: caller.expiresAt,
      };
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

/** The same cookie as over HTTP, for a gateway that answers a browser. */
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
