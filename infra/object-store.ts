import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from './server';

/** Files are kept in a plain folder unless an S3 endpoint is named: no server is needed for that. */
export const objectStore: Server = {
  name: 'object-store',
  replacedBy: ['S3_ENDPOINT'],
  async start({ folder }) {
    const files = join(folder, 'object-store');
    mkdirSync(files, { recursive: true });
    const nothing = async () => undefined;
    return {
      name: 'object-store',
      environment: { MEDIA_STORAGE: files },
      startedInMs: 0,
      pid: () => undefined,
      kill: nothing,
      restart: nothing,
      stop: nothing,
    };
  },
};
