import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { conditional, IfMatch, versioned } from '#kit/http/conditional';
import { requestKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { noContent, paged } from '#kit/http/responses';
import { describe, htmlPage, json, keyed } from '#kit/http/route-docs';
import type { ResumesDeps } from './deps';
import * as model from './model';
import { resumePage } from './page';
import * as service from './service';

/** A résumé of 64 KiB with whitespace between its tokens. */
const BODY_BYTES = 96 * 1024;
const PAGE_SUFFIX = '.html';
const RESUMES = 'Résumés';
const JSON_RESUME = 'JSON Resume';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };

const targetOf = ({
  params,
  headers,
}: {
  params: { id: string };
  headers: { 'if-match'?: string | undefined };
}): service.Target => ({ id: params.id, ifMatch: headers['if-match'] });

export const resumes = (deps: ResumesDeps) =>
  // Elysia's default normalization (exact-mirror) turns strings into objects and loses members called `__proto__`.
  new Elysia({ name: 'resumes', normalize: 'typebox' })
    .use(
      platform(deps.runtime, {
        description: 'Résumés: written or imported as JSON Resume, shared by link or in public, and printed.',
        schemas: model,
        tags: {
          Résumés: 'Résumés, their versions and sharing.',
          'JSON Resume': 'Import and export in the JSON Resume format.',
        },
        bodyBytes: BODY_BYTES,
      }),
    )
    .use(access(deps.tokens))
    .use(conditional)

    .post(
      '/resumes',
      ({ caller, body, request, set }) => {
        const key = requestKey(request, '/resumes');
        return sendStored(set, service.createResume(deps, caller, key, body));
      },
      {
        user: true,
        scope: 'write:resumes',
        body: model.NewResume,
        response: { 201: model.Resume },
        ...keyed('Create a résumé', RESUMES),
      },
    )
    .get(
      '/resumes',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listResumes(deps, caller, query)),
      {
        user: true,
        scope: 'read:resumes',
        query: PageQuery,
        response: model.ResumePage,
        ...describe('List my résumés, or all with the permission resumes:read, newest first', RESUMES),
      },
    )
    .get(
      '/resumes/user/:user_id',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listResumesOf(deps, caller, params.user_id, query)),
      {
        optionalUser: true,
        scope: 'read:resumes',
        params: Type.Object({ user_id: model.UserId }),
        query: PageQuery,
        response: model.ResumePage,
        ...describe("List a user's public résumés, or all of my own", RESUMES),
      },
    )
    .get(
      '/resumes/:id',
      async ({ caller, params: { id }, query: { token }, set }) => {
        set.headers.vary = 'authorization';
        if (!id.endsWith(PAGE_SUFFIX))
          return versioned(set, await service.readResume(deps, caller, { id, token }));
        const target = { id: id.slice(0, -PAGE_SUFFIX.length), token };
        return resumePage(versioned(set, await service.exportResume(deps, caller, target)));
      },
      {
        optionalUser: true,
        scope: 'read:resumes',
        etag: true,
        params: Type.Object({
          id: Type.String({
            maxLength: 36 + PAGE_SUFFIX.length,
            description: 'Append `.html` for a printable page',
          }),
        }),
        query: model.ShareQuery,
        response: Type.Unsafe<model.Resume | Response>(model.Resume),
        ...describe('Get a résumé; append .html to its id for a printable page', RESUMES, {
          responses: {
            200: {
              description: 'The résumé, or its page',
              content: { ...json('', model.Resume).content, ...htmlPage().content },
            },
          },
        }),
      },
    )
    .put(
      '/resumes/:id',
      async ({ caller, body, set, ...context }) =>
        versioned(set, await service.updateResume(deps, caller, targetOf(context), body)),
      {
        user: true,
        scope: 'write:resumes',
        ...byId,
        headers: IfMatch,
        body: model.ResumeUpdate,
        response: model.Resume,
        ...describe('Update a résumé; missing fields are unchanged', RESUMES),
      },
    )
    .delete(
      '/resumes/:id',
      ({ caller, set, ...context }) => noContent(set, service.deleteResume(deps, caller, targetOf(context))),
      {
        user: true,
        scope: 'write:resumes',
        ...byId,
        headers: IfMatch,
        ...describe('Delete a résumé', RESUMES),
      },
    )

    .post(
      '/resumes/import',
      ({ caller, body, query, request, set }) => {
        const key = requestKey(request, '/resumes/import');
        return sendStored(set, service.importResume(deps, caller, key, { ...query, document: body }));
      },
      {
        user: true,
        scope: 'write:resumes',
        query: model.ImportQuery,
        body: model.JsonResumeBody,
        response: { 201: model.Resume },
        ...keyed('Import a JSON Resume; unknown fields are preserved', JSON_RESUME),
      },
    )
    .get(
      '/resumes/:id/export',
      async ({ caller, params: { id }, query: { token }, set }) => {
        set.headers.vary = 'authorization';
        return versioned(set, await service.exportResume(deps, caller, { id, token })).document;
      },
      {
        optionalUser: true,
        scope: 'read:resumes',
        etag: true,
        ...byId,
        query: model.ShareQuery,
        ...describe('Export a résumé as JSON Resume, unchanged from its import', JSON_RESUME, {
          responses: { 200: json('The document', model.JsonResumeBody) },
        }),
      },
    );
