import { Type } from '@sinclair/typebox';
import { PollsServiceDefinition } from '#contracts/gen/polls/v1/polls';
import { Uuid } from '#contracts/messages';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { PollsDeps } from './deps';
import { findPoll, showPoll } from './store';

const MAX_IDS = 100;
const ShowRequest = Type.Object({
  id: Uuid,
  author_id: Uuid,
  visibility: Type.Union([Type.Literal('public'), Type.Literal('followers')]),
});

/** The internal API of polls, for services that refer to them. */
export const pollsGrpc = ({ table }: Pick<PollsDeps, 'table'>) =>
  grpcService(PollsServiceDefinition, {
    async getPolls({ ids }) {
      if (ids.length > MAX_IDS)
        throw new ValidationFailed({
          errors: [{ field: 'ids', message: `Expected at most ${MAX_IDS} ids` }],
        });
      const found = await Promise.all(ids.filter(isUuid).map((id) => findPoll(table, id)));
      const polls = found.filter((poll) => poll !== undefined);
      return {
        polls: polls.map(({ id, author_id, visibility }) => ({
          id,
          author_id: author_id ?? undefined,
          visibility,
        })),
      };
    },
    async showPoll(request) {
      const { id, author_id: authorId, visibility } = validated(ShowRequest, request);
      await showPoll(table, { id, authorId, visibility });
      return {};
    },
  });
