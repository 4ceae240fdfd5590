import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  ACCESS_TOKEN_TYPE,
  createTokenVerifier,
  type TokenVerifier,
  type VerifierOptions,
} from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';

export interface Person {
  readonly id: string;
  readonly username: string;
}

/**
 * A token issuer in place of auth: services under test verify its tokens as they verify auth's.
 *
 * @param options of the verifier
 */
export async function testTokens(options: Pick<VerifierOptions, 'operatorsNeedSecondFactor'> = {}): Promise<{
  verifier: TokenVerifier;
  /**
   * The `Authorization` header of a signed-in person.
   *
   * @param options.roles `['user']` by default
   * @param options.signedInSecondsAgo 0 by default
   * @param options.methods how they signed in
   * @param options.app the id of the app that the token is of, and what it may do
   */
  authorization(
    person: Person,
    permissions?: readonly string[],
    options?: {
      roles?: readonly string[];
      signedInSecondsAgo?: number;
      methods?: readonly string[];
      app?: { id: string; scopes: readonly string[] };
    },
  ): Promise<string>;
}> {
  const settings = {
    algorithm: 'EdDSA',
    issuer: 'http://issuer.test',
    audience: 'rookery',
    secret: '',
  } as const;
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'test', alg: 'EdDSA', use: 'sig' }] };
  return {
    verifier: createTokenVerifier(settings, async () => keys, undefined, options),
    async authorization(person, permissions = [], options = {}) {
      const { roles = ['user'], signedInSecondsAgo = 0, methods, app } = options;
      const token = await new SignJWT({
        // An app that acts for nobody has none.
        ...(person.id !== app?.id && { username: person.username }),
        ...(methods && { amr: methods }),
        ...(app && { client_id: app.id, scope: app.scopes.join(' ') }),
        sid: uuidv7(),
        auth_time: Math.floor(Date.now() / 1000) - signedInSecondsAgo,
        roles,
        permissions,
      })
        .setProtectedHeader({ alg: 'EdDSA', typ: ACCESS_TOKEN_TYPE, kid: 'test' })
        .setSubject(person.id)
        .setJti(uuidv7())
        .setIssuer(settings.issuer)
        .setAudience(settings.audience)
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(privateKey);
      return `Bearer ${token}`;
    },
  };
}
