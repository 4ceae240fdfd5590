import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { describe } from '#kit/http/route-docs';
import type { UsersDeps } from '../deps';

const Features = Type.Object({
  features: Type.Record(Type.String(), Type.Unknown(), { examples: [{ 'registration-open': true }] }),
});

export const featureRoutes = (deps: Pick<UsersDeps, 'flags' | 'tokens'>) =>
  new Elysia({ name: 'features' })
    .use(access(deps.tokens))
    .get('/features', ({ caller }) => ({ features: deps.flags.evaluate(caller) }), {
      optionalUser: true,
      response: Features,
      ...describe('List the feature flags as evaluated for the caller', 'Features'),
    });
