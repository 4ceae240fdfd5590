import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { created } from '#kit/http/responses';
import * as model from './model';
import * as service from './service';

const byId = { params: Type.Object({ poll_id: Type.String({ maxLength: 36 }) }) };
const describe = (summary: string) => ({ detail: { summary, tags: ['Polls'] } });

export const polls = (deps: service.PollsDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'polls' })
    .use(
      platform(deps.runtime, {
        description: 'Questions with options; one vote a person, secret and counted once.',
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/polls',
      async ({ caller, body, set }) => {
        const poll = await service.createPoll(deps, caller, body);
        return created(set, `/polls/${poll.id}`, poll);
      },
      { user: true, body: model.NewPoll, response: { 201: model.Poll }, ...describe('Ask a question') },
    )
    .get('/polls/:poll_id', ({ params, caller }) => service.readPoll(deps, params.poll_id, caller), {
      optionalUser: true,
      ...byId,
      response: model.Poll,
      ...describe('A poll'),
    })
    .post(
      '/polls/:poll_id/vote',
      ({ params, caller, body }) => service.vote(deps, caller, params.poll_id, body),
      {
        user: true,
        ...byId,
        body: model.Vote,
        response: model.Results,
        ...describe('Vote, once; answers the results'),
      },
    )
    .get('/polls/:poll_id/results', ({ params }) => service.readResults(deps, params.poll_id), {
      public: true,
      ...byId,
      response: model.Results,
      ...describe('Counts and shares'),
    });
