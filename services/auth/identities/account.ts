import { type Static, type TString, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { nullable } from '#kit/http/schemas';
import { emailAddress, newUsername } from '#kit/text/fields';
import { lineOfText } from '#kit/text/schema';

/** An account at another provider, as its ID token describes it. */
export const ForeignAccount = Type.Object({
  provider: Type.String(),
  subject: Type.String(),
  /** How its owner knows it. */
  label: nullable(Type.String()),
  email: nullable(Type.String()),
  emailVerified: Type.Boolean(),
  /** A username that can be registered, if it is free. */
  username: nullable(Type.String()),
});
export type ForeignAccount = Static<typeof ForeignAccount>;

const Line = lineOfText({ max: 100, maxUnits: 320 });
const Email = emailAddress();
const Username = newUsername();

/** OpenID Connect Core, section 2: at most 255 ASCII characters. */
export const isUsableSubject = (subject: string): boolean => /^[\x20-\x7e]{1,255}$/.test(subject);

/** What may be known of an account: claims that are none of what they should be are as good as missing. */
export function foreignAccountOf(
  provider: string,
  claims: Readonly<Record<string, unknown>> & { sub: string },
): ForeignAccount {
  const email = valid(Email, claims.email);
  const preferred = valid(Line, claims.preferred_username);
  return {
    provider,
    subject: claims.sub,
    label: email ?? preferred ?? valid(Line, claims.name),
    email,
    // A text where a boolean belongs: Apple.
    emailVerified: email !== null && (claims.email_verified === true || claims.email_verified === 'true'),
    username: usernameOf(preferred) ?? usernameOf(email),
  };
}

const valid = (schema: TString, value: unknown): string | null => (Value.Check(schema, value) ? value : null);

/** What may stand in a username, of a name or of an address before its `@`. */
function usernameOf(name: string | null): string | null {
  const [local = ''] = (name ?? '').split('@');
  return valid(Username, local.replaceAll(/[^A-Za-z0-9_]/g, '_').slice(0, 30));
}
