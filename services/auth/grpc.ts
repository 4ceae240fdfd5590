import { AuthServiceDefinition, type ClientOrigin, Revocation_Kind } from '#contracts/gen/auth/v1/auth';
import type { Client } from '#kit/client';
import type { Revocation } from '#kit/denylist';
import { grpcService } from '#kit/grpc-server';
import { validated } from '#kit/validation';
import type { AuthServiceDeps } from '.';
import { setCredentials } from './credentials';
import { Registration, SignIn } from './model';
import { listRevocations } from './revocations';
import { register, signIn } from './service';
import { refresh } from './sessions';
import { logOut, readMe, verifyToken } from './tokens';

/** What other services ask about secrets and tokens. */
export const authGrpc = (deps: AuthServiceDeps) =>
  grpcService(AuthServiceDefinition, {
    async setCredentials({ user_id, username, email, password_hash, version }) {
      const sent = { userId: user_id, username, email, passwordHash: password_hash, version };
      return { applied: await setCredentials(deps, sent) };
    },
    async register({ client, ...input }) {
      const { user, ...tokens } = await register(deps, validated(Registration, input), originOf(client));
      return { user_id: user.id, tokens };
    },
    async login({ name, password, client }) {
      const input = validated(SignIn, { password, ...(name && { [name.$case]: name.value }) });
      const { user, ...tokens } = await signIn(deps, input, originOf(client));
      return { user_id: user.id, tokens };
    },
    async refresh({ refresh_token }) {
      return { tokens: await refresh(deps, refresh_token) };
    },
    async logout({ refresh_token, access_token }) {
      await logOut(deps, { refreshToken: refresh_token, accessToken: access_token });
      return {};
    },
    async me({ access_token }) {
      const { id, username, roles, permissions } = await readMe(deps, await verifyToken(deps, access_token));
      return { user_id: id, username, roles, permissions };
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

const originOf = (client: ClientOrigin | undefined): Client => ({
  address: client?.address ?? '',
  ...(client?.user_agent !== undefined && { user_agent: client.user_agent }),
});

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
