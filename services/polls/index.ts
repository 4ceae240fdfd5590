import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { InsufficientScope } from '#kit/auth/app-access';
import { bearerTokenIn } from '#kit/auth/bearer';
import type { Caller } from '#kit/auth/caller';
import { Unauthenticated } from '#kit/errors/problem';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { created } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { PollsDeps } from './deps';
import * as model from './model';
import * as service from './service';

const byId = { params: Type.Object({ poll_id: Type.String({ maxLength: 36 }) }) };

export const polls = (deps: PollsDeps) =>
  new Elysia({ name: 'polls' })
    .use(
      platform(deps.runtime, {
        description: 'Polls with one secret ballot per person.',
        schemas: model,
        tags: { Polls: 'Polls, votes and results.' },
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/polls',
      async ({ caller, body, set }) => {
        const poll = await service.createPoll(deps, caller, body);
        return created(set, `/polls/${poll.id}`, poll);
      },
      {
        user: true,
        scope: 'write:statuses',
        body: model.NewPoll,
        response: { 201: model.Poll },
        ...describe('Create a poll', 'Polls'),
      },
    )
    .get('/polls/:poll_id', ({ caller, params }) => service.readPoll(deps, caller, params.poll_id), {
      optionalUser: true,
      scope: 'read:statuses',
      ...byId,
      response: model.Poll,
      ...describe('Get a poll', 'Polls'),
    })
    .post(
      '/polls/:poll_id/vote',
      ({ caller, params, body }) => service.vote(deps, caller, params.poll_id, body),
      {
        user: true,
        scope: 'write:statuses',
        ...byId,
        body: model.Vote,
        response: model.Results,
        ...describe('Vote in a poll, once per person, and get its results', 'Polls'),
      },
    )
    .get(
      '/polls/:poll_id/results',
      async ({ params, request }) =>
        service.readResults(deps, await readerOf(deps, request.headers), params.poll_id),
      {
        public: true,
        ...byId,
        response: model.Results,
        ...describe('Get the results of a poll', 'Polls'),
      },
    );

/**
 * Who reads a public route, which nobody needs a token for: one that is invalid, as clients may have been sending, or that an
 * app may not read with, is as none. `optionalUser` would refuse it.
 */
async function readerOf({ tokens }: Pick<PollsDeps, 'tokens'>, headers: Headers): Promise<Caller | null> {
  const token = bearerTokenIn(headers.get('authorization'));
  if (token === null) return null;
  return tokens.verify(token, 'read:statuses').catch((failure: unknown) => {
    if (failure instanceof Unauthenticated || failure instanceof InsufficientScope) return null;
    throw failure;
  });
}
