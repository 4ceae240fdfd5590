import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';

export const ProviderNotFound = defineProblem('auth.provider-not-found', 404, 'Sign-in provider not found');
/** Not 503: gateways would take this process for unhealthy, and it is not. */
export const ProviderUnavailable = defineProblem(
  'auth.provider-unavailable',
  424,
  'Sign-in provider unavailable',
);
export const ForeignSignInRefused = defineProblem(
  'auth.foreign-sign-in-refused',
  403,
  'Sign-in with the other provider refused',
);
export const ForeignSignInExpired = defineProblem(
  'auth.foreign-sign-in-expired',
  403,
  'Sign-in with the other provider expired',
);
export const IdentityTaken = defineProblem(
  'auth.identity-taken',
  409,
  'Account of the provider linked to another user',
);
export const ProviderLinked = defineProblem(
  'auth.provider-linked',
  409,
  'Another account of the provider already linked',
);
export const IdentityNotFound = defineProblem('auth.identity-not-found', 404, 'Linked account not found');

export const Identity = Type.Object({
  provider: Type.String({ description: 'As in the path that removes it', examples: ['acme'] }),
  provider_name: Type.String({ examples: ['Acme'] }),
  account: nullable(Type.String({ examples: ['alice@example.com'] }), {
    description: 'How the provider calls the account',
  }),
  linked_at: Type.String({ format: 'date-time' }),
  last_used_at: nullable(Type.String({ format: 'date-time' })),
});
export type Identity = Static<typeof Identity>;

/** As many as there are providers at most. */
export const IdentityList = PageOf(Identity);
