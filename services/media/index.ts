import { Elysia } from 'elysia';
import { platform } from '#kit/http/platform';
import * as categoriesModel from './categories/model';
import { categoryRoutes } from './categories/routes';
import { contentRoutes } from './content/routes';
import type { MediaDeps } from './deps';
import * as filesModel from './files/model';
import { fileRoutes } from './files/routes';
import { resumableRoutes } from './resumable/routes';
import { RESUMABLE_BYTES, type ResumableHandler } from './resumable/service';
import * as uploadsModel from './uploads/model';
import { uploadRoutes } from './uploads/routes';
import * as versionsModel from './versions/model';
import { versionRoutes } from './versions/routes';

export const media = (deps: MediaDeps & { readonly resumable: ResumableHandler }) =>
  new Elysia({ name: 'media' })
    .use(
      platform(deps.runtime, {
        description:
          'Files and pictures: content-addressed storage, verified types, versions and resized copies.',
        schemas: { ...categoriesModel, ...filesModel, ...uploadsModel, ...versionsModel },
        tags: {
          Files: 'Uploads, versions and content.',
          'Resumable uploads': 'Uploads by tus 1.0, in parts.',
          Categories: 'A tree of categories for files.',
        },
        bodyBytes: RESUMABLE_BYTES,
      }),
    )
    .use(uploadRoutes(deps))
    .use(fileRoutes(deps))
    .use(contentRoutes(deps))
    .use(versionRoutes(deps))
    .use(resumableRoutes(deps))
    .use(categoryRoutes(deps));
