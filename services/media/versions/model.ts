import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { contentFields } from '../files/model';

export const VersionNotFound = defineProblem('file.version-not-found', 404, 'File version not found');

export const FileVersion = Type.Object({ ...contentFields, current: Type.Boolean() });
export type FileVersion = Static<typeof FileVersion>;
export const FileVersionPage = PageOf(FileVersion);

export const VersionNumber = t.Integer({ minimum: 1, maximum: 1_000_000 });

export const VersionParams = Type.Object({ id: Type.String({ maxLength: 36 }), version: VersionNumber });
