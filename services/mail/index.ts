import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { accepted, paged } from '#kit/http/responses';
import * as model from './model';
import * as service from './service';
import { askToUnsubscribe, unsubscribed } from './unsubscribe-page';

const byToken = { query: Type.Object({ token: Type.String({ maxLength: 1_000 }) }) };
const describe = (summary: string) => ({ detail: { summary, tags: ['Mail'] } });

export const mail = (
  deps: service.MailDeps & {
    tokens: TokenVerifier;
    verifyService: (token: string | undefined) => Promise<string>;
  },
) =>
  new Elysia({ name: 'mail' })
    .use(
      platform(deps.runtime, {
        description: 'What is sent by mail, and what was.',
        // RFC 8058: the click in a mail program is posted as a form of either kind.
        mediaTypes: ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'],
      }),
    )
    .use(access(deps.tokens, deps.verifyService))

    .post(
      '/mails',
      async ({ body, set }) => {
        const queued = await service.queueMail(deps, body);
        return accepted(set, `/mails/${queued.id}`, queued);
      },
      {
        service: true,
        body: model.NewMail,
        response: { 202: model.Mail },
        ...describe('Send a mail; asked again with the same event_id, none is sent again'),
      },
    )
    .get(
      '/mails',
      async ({ query, request, set }) => paged(set, request, await service.listMails(deps, query)),
      {
        permission: 'mails:read',
        query: Type.Composite([
          PageQuery,
          Type.Object({
            to: Type.Optional(
              Type.String({ minLength: 1, maxLength: 254, description: 'An address, or the id of a person' }),
            ),
          }),
        ]),
        response: model.MailPage,
        ...describe('Mails, newest first'),
      },
    )
    .get('/mails/:id', ({ params }) => service.readMail(deps, params.id), {
      permission: 'mails:read',
      params: Type.Object({ id: Type.String({ maxLength: 36 }) }),
      response: model.Mail,
      ...describe('A mail'),
    })

    .get(
      '/mails/unsubscribe',
      async ({ query }) => {
        await service.readUnsubscribeToken(deps, query.token);
        return askToUnsubscribe();
      },
      { public: true, ...byToken, ...describe('The page behind the link in a mail') },
    )
    .post(
      '/mails/unsubscribe',
      async ({ query }) => {
        await service.unsubscribe(deps, query.token);
        return unsubscribed();
      },
      { public: true, ...byToken, ...describe('Unsubscribe, also with one click (RFC 8058)') },
    );
