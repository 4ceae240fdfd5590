import { AuthServiceDefinition, Revocation_Kind } from '#contracts/gen/auth/v1/auth';
import { parseBearer } from '#kit/auth/bearer';
import type { Revocation } from '#kit/auth/denylist';
import { validated } from '#kit/errors/validation';
import { callerOf } from '#kit/grpc/access';
import { USER_AUTHORIZATION } from '#kit/grpc/metadata';
import { grpcService } from '#kit/grpc/server';
import type { IncomingCall } from '#kit/grpc/server-call';
import { type Browser, browserOf } from '#kit/http/cookies/browser';
import { confirmPassword } from './credentials/password-change';
import { applyCredentials } from './credentials/replication';
import type { AuthDeps } from './deps';
import { removeFactors } from './second-factors/service';
import {
  cookiesOf,
  expiredRefreshCookie,
  type Requester,
  readRefreshCookie,
  requesterOf,
  withRefreshToken,
} from './sessions/cookies';
import { RefreshRequest, Registration, SignIn } from './sessions/model';
import { refresh } from './sessions/service';
import { readMe, register, signIn, signOut } from './sessions/sign-in';
import { exchangeAppToken } from './tokens/app-tokens';
import { KnownScope } from './tokens/model';
import { listRevocations } from './tokens/revocations';
import { verifiedTokenView, verifyToken } from './tokens/service';

/** The auth service's gRPC methods, for other services and the transcoding gateway. */
export function authGrpc(deps: AuthDeps) {
  const browserIn = ({ origin }: IncomingCall) => browserOf(origin ?? {}, deps.trustedOrigins);

  return grpcService(AuthServiceDefinition, {
    async setCredentials({ user_id, username, email, password_hash, version }) {
      const setAt = new Date(deps.now());
      const received = { userId: user_id, username, email, passwordHash: password_hash, version, setAt };
      return { applied: await applyCredentials(deps, received) };
    },
    async register(request, call) {
      const browser = browserIn(call);
      const entered = await register(deps, validated(Registration, request), requesterIn(call, browser));
      const { username } = entered.signedIn.user;
      respond(call, browser, entered, { status: 201, location: `/users/${username}` });
      return { signed_in: entered.signedIn, device: entered.device };
    },
    async login(request, call) {
      const browser = browserIn(call);
      const entered = await signIn(deps, validated(SignIn, request), requesterIn(call, browser));
      respond(call, browser, entered);
      return { signed_in: entered.signedIn, device: entered.device };
    },
    async confirmPassword({ password }, call) {
      const { signal, deadline } = call;
      const caller = await callerOf(call, deps.tokens);
      await confirmPassword(deps, caller, { password, lifetime: { signal, deadline } });
      return {};
    },
    async removeSecondFactors({ user_id }) {
      return { removed: await removeFactors(deps, user_id) };
    },
    async refresh(request, call) {
      const browser = browserIn(call);
      const refreshToken = validated(RefreshRequest, request)?.refresh_token;
      const exchange = (token: string) => refresh(deps, token);
      const tokens = await withRefreshToken(browser, refreshToken, exchange);
      respond(call, browser, { signedIn: tokens });
      return { tokens };
    },
    async logout(request, call) {
      const browser = browserIn(call);
      const refreshToken = validated(RefreshRequest, request)?.refresh_token ?? readRefreshCookie(browser);
      const accessToken = parseBearer(call.metadata(USER_AUTHORIZATION)) ?? undefined;
      await signOut(deps, { refreshToken, accessToken });
      if (call.origin) call.setHttpResponse({ cookies: [expiredRefreshCookie(browser)] });
      return {};
    },
    async me(_request, call) {
      const { email, ...me } = await readMe(deps, await callerOf(call, deps.tokens));
      return { ...me, ...(email !== null && { email }) };
    },
    async verifyToken({ access_token, scope }) {
      const needed = scope === undefined ? undefined : validated(KnownScope, scope);
      return verifiedTokenView(await verifyToken(deps, access_token, needed));
    },
    exchangeAppToken: async ({ token }) => ({ access_token: await exchangeAppToken(deps, token) }),
    async listRevocations() {
      return { revocations: (await listRevocations(deps)).map(revocationOf) };
    },
  });
}

const requesterIn = (call: IncomingCall, browser: Browser): Requester => {
  const { origin } = call;
  return requesterOf(
    browser,
    {
      address: origin?.address ?? '',
      ...(origin?.user_agent !== undefined && { user_agent: origin.user_agent }),
    },
    call,
  );
};

/** Sets the same cookies as over HTTP, for calls that the gateway transcodes for a browser. */
function respond(
  { origin, setHttpResponse }: IncomingCall,
  browser: Browser,
  issued: { signedIn: { refresh_token: string }; device?: string },
  { status, location }: { status?: number; location?: string } = {},
): void {
  if (origin === undefined) return;
  const { signedIn, device } = issued;
  setHttpResponse({
    ...(status !== undefined && { status }),
    headers: { 'cache-control': 'no-store', ...(location !== undefined && { location }) },
    cookies: cookiesOf(browser, {
      refreshToken: signedIn.refresh_token,
      ...(device !== undefined && { device }),
    }),
  });
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
