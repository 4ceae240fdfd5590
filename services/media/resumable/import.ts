import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Upload } from '@tus/server';
import type { BlobsDeps } from '../blobs/store';
import { appendPart } from './parts';
import * as store from './store';

const STATE = /^([0-9a-f]{32})\.json$/;

/** Takes over the uploads that the version before kept in a local folder: `<id>`, and its state beside it as `<id>.json`. */
export async function importUploads(deps: BlobsDeps, folder: string, maximumBytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const id = STATE.exec(name)?.[1];
    if (id === undefined) continue;
    const { size, metadata = {} } = JSON.parse(await readFile(join(folder, name), 'utf8')) as Upload;
    const path = join(folder, id);
    if (metadata.owner_id) {
      const row = { id, ownerId: metadata.owner_id, size: size ?? null, metadata };
      await store.insertUpload(deps.database, row);
      const file = await deps.storage.receive(createReadStream(path), { maximumBytes });
      await appendPart(deps, id, 0, file).finally(file.discard);
    }
    await rm(join(folder, name), { force: true });
    await rm(path, { force: true });
  }
}
