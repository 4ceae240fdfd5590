import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { Caller } from '#kit/auth/caller';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { conditional, IfMatch, versioned } from '#kit/http/conditional';
import { readIdempotencyKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { noContent, paged } from '#kit/http/responses';
import * as model from './model';
import { resumePage } from './page';
import type { Viewer } from './rules';
import * as service from './service';

/** Room for a résumé of 64 KiB with blanks between its parts. */
export const BODY_BYTES = 96 * 1024;
const PAGE_SUFFIX = '.html';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const describe = (summary: string, tag = 'Résumés') => ({ detail: { summary, tags: [tag] } });
const keyed = (summary: string, tag: string) => ({
  detail: {
    summary,
    tags: [tag],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header' as const,
        description: 'Sent again with the same body within 24 hours, it gets the first answer again',
        schema: { type: 'string' as const, maxLength: 255, example: '5f2b8a3e-resume' },
      },
    ],
  },
});

const requestKey = (request: Request, route: string): service.RequestKey => ({
  key: readIdempotencyKey(request.headers),
  method: 'POST',
  route,
});

const targetOf = (context: {
  params: { id: string };
  caller: Caller;
  headers: { 'if-match'?: string | undefined };
}): service.Target => ({
  id: context.params.id,
  caller: context.caller,
  ifMatch: context.headers['if-match'],
});

const viewerOf = (context: { caller: Caller | null; query: { token?: string | undefined } }): Viewer => ({
  id: context.caller?.id ?? null,
  permissions: context.caller?.permissions ?? [],
  token: context.query.token,
});

export const resumes = (deps: service.ResumesDeps & { tokens: TokenVerifier }) =>
  // The faster way to drop what no schema names makes objects of texts, and loses members called `__proto__`.
  new Elysia({ name: 'resumes', normalize: 'typebox' })
    .use(
      platform(deps.runtime, {
        description:
          'Résumés: written here or brought as JSON Resume, shared by link or with all, and printed.',
      }),
    )
    .use(access(deps.tokens))
    .use(conditional)

    .post(
      '/resumes',
      ({ caller, body, request, set }) =>
        sendStored(set, service.createResume(deps, caller, body, requestKey(request, '/resumes'))),
      {
        user: true,
        body: model.NewResume,
        response: { 201: model.Resume },
        ...keyed('Write a résumé', 'Résumés'),
      },
    )
    .get(
      '/resumes',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listResumes(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.ResumePage,
        ...describe("My résumés, newest first; everybody's for those with the permission resumes:read"),
      },
    )
    .get(
      '/resumes/user/:user_id',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listResumesOf(deps, caller, params.user_id, query)),
      {
        optionalUser: true,
        params: Type.Object({ user_id: model.UserId }),
        query: PageQuery,
        response: model.ResumePage,
        ...describe("Somebody's public résumés; all of one's own"),
      },
    )
    .get(
      '/resumes/:id',
      async ({ params: { id }, set, ...context }) => {
        set.headers.vary = 'authorization';
        const viewer = viewerOf(context);
        return id.endsWith(PAGE_SUFFIX)
          ? resumePage(
              versioned(set, await service.exportResume(deps, id.slice(0, -PAGE_SUFFIX.length), viewer)),
            )
          : versioned(set, await service.readResume(deps, id, viewer));
      },
      {
        optionalUser: true,
        etag: true,
        params: Type.Object({
          id: Type.String({
            maxLength: 36 + PAGE_SUFFIX.length,
            description: 'With `.html` behind it: the résumé as a page to read and to print',
          }),
        }),
        query: model.ShareQuery,
        response: Type.Unsafe<model.Resume | Response>(model.Resume),
        ...describe('A résumé, or with .html behind its id a page to read and to print'),
      },
    )
    .put(
      '/resumes/:id',
      async ({ body, set, ...context }) =>
        versioned(set, await service.changeResume(deps, targetOf(context), body)),
      {
        user: true,
        ...byId,
        headers: IfMatch,
        body: model.ResumeChange,
        response: model.Resume,
        ...describe('Change a résumé; what is left out stays'),
      },
    )
    .delete(
      '/resumes/:id',
      ({ set, ...context }) => noContent(set, service.deleteResume(deps, targetOf(context))),
      { user: true, ...byId, headers: IfMatch, ...describe('Delete a résumé') },
    )

    .post(
      '/resumes/import',
      ({ caller, body, query, request, set }) =>
        sendStored(
          set,
          service.importResume(
            deps,
            caller,
            { ...query, document: body },
            requestKey(request, '/resumes/import'),
          ),
        ),
      {
        user: true,
        query: model.ImportQuery,
        body: model.JsonResumeBody,
        response: { 201: model.Resume },
        ...keyed('Bring a JSON Resume; what is not known here is kept as well', 'JSON Resume'),
      },
    )
    .get(
      '/resumes/:id/export',
      async ({ params, set, ...context }) => {
        set.headers.vary = 'authorization';
        return versioned(set, await service.exportResume(deps, params.id, viewerOf(context))).document;
      },
      {
        optionalUser: true,
        etag: true,
        ...byId,
        query: model.ShareQuery,
        ...describe('A résumé as JSON Resume, just as it was brought', 'JSON Resume'),
      },
    );
