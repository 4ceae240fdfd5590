import { Type } from '@sinclair/typebox';
import { defineJob, Uuid } from '#contracts/messages';

const tube = { tube: 'archives', publishers: ['archives'], ttrSeconds: 120, maxAttempts: 10 };

/** Write everything that the services store about a user into a ZIP file. */
export const ArchiveExport = defineJob({
  name: 'archive.export',
  version: 1,
  ...tube,
  data: Type.Object({ export_id: Uuid, user_id: Uuid }),
});

/** Import the records and files of an uploaded archive as a user's own. */
export const ArchiveImport = defineJob({
  name: 'archive.import',
  version: 1,
  ...tube,
  data: Type.Object({
    import_id: Uuid,
    user_id: Uuid,
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  }),
});
