import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from './server';

/** Without S3_ENDPOINT files are stored in a folder, which needs no server. */
export const objectStore: Server = {
  name: 'object-store',
  replacedBy: ['S3_ENDPOINT'],
  async start({ folder }) {
    const files = join(folder, 'object-store');
    const archives = join(folder, 'archives');
    for (const each of [files, archives]) mkdirSync(each, { recursive: true });
    const noOperation = async () => undefined;
    return {
      name: 'object-store',
      environment: { MEDIA_STORAGE: files, ARCHIVES_STORAGE: archives },
      startedInMs: 0,
      pid: () => undefined,
      kill: noOperation,
      restart: noOperation,
      stop: noOperation,
    };
  },
};
