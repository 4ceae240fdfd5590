import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { problemPage } from '#kit/http/html/problem-page';
import { platform } from '#kit/http/platform';
import { accepted, paged } from '#kit/http/responses';
import { describe, htmlPage } from '#kit/http/route-docs';
import type { MailDeps } from './deps';
import * as model from './model';
import * as service from './service';
import { confirmationPage, unsubscribedPage } from './unsubscribe-pages';

const byToken = { query: model.UnsubscribeQuery };

export const mail = (deps: MailDeps) =>
  new Elysia({ name: 'mail' })
    .use(
      platform(deps.runtime, {
        problemPage,
        description: 'Transactional and notification mail: queueing, delivery records and unsubscription.',
        schemas: model,
        tags: { Mail: 'Mails, their delivery and unsubscription.' },
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
        service: deps.callers,
        body: model.NewMail,
        response: { 202: model.Mail },
        ...describe('Send a mail (asynchronous); repeats with the same event_id send none', 'Mail'),
      },
    )
    .get(
      '/mails',
      async ({ query, request, set }) => paged(set, request, await service.listMails(deps, query)),
      {
        permission: 'mails:read',
        query: model.MailQuery,
        response: model.MailPage,
        ...describe('List mails, newest first', 'Mail'),
      },
    )
    .get('/mails/:id', ({ params }) => service.readMail(deps, params.id), {
      permission: 'mails:read',
      params: model.MailParams,
      response: model.Mail,
      ...describe('Get a mail', 'Mail'),
    })

    .get(
      '/mails/unsubscribe',
      async ({ query }) => {
        await service.readUnsubscribeToken(deps, query.token);
        return confirmationPage();
      },
      {
        public: true,
        ...byToken,
        ...describe('Get the page that an unsubscribe link opens', 'Mail', {
          responses: { 200: htmlPage() },
        }),
      },
    )
    .post(
      '/mails/unsubscribe',
      async ({ query }) => {
        await service.unsubscribe(deps, query.token);
        return unsubscribedPage();
      },
      {
        public: true,
        ...byToken,
        body: model.OneClick,
        ...describe('Unsubscribe, also by one click (RFC 8058)', 'Mail', { responses: { 200: htmlPage() } }),
      },
    );
