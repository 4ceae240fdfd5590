import { createReadStream, createWriteStream, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BytesMissing, type FileStorage, isSha256 } from '#kit/storage/file-storage';

/**
 * Copies the files of a storage that are not in the folder yet. Their names are their checksums.
 *
 * @returns their names
 */
export async function copyFiles(storage: FileStorage, folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const present = new Set(readdirSync(folder));
  const copied: string[] = [];
  for await (const name of storage.list()) {
    if (present.has(name)) continue;
    const source = await storage.read(name).catch((failure: unknown) => {
      // Deleted a moment ago.
      if (failure instanceof BytesMissing) return undefined;
      throw failure;
    });
    if (source === undefined) continue;
    await pipeline(Readable.from(source), createWriteStream(join(folder, name), { mode: 0o600 }));
    copied.push(name);
  }
  return copied;
}

/**
 * Stores the files of a folder.
 *
 * @returns their number
 * @throws for a file that is not what its name says
 */
export async function restoreFiles(storage: FileStorage, folder: string): Promise<number> {
  await storage.check();
  const names = readdirSync(folder).filter(isSha256);
  for (const name of names) {
    const received = await storage.receive(createReadStream(join(folder, name)), {
      maximumBytes: Number.MAX_SAFE_INTEGER,
    });
    try {
      if (received.sha256 !== name) throw new Error(`The file ${name} is not as it was written`);
      await received.keep();
    } finally {
      await received.discard();
    }
  }
  return names.length;
}

/** Whether a storage has any file. */
export async function hasFiles(storage: FileStorage): Promise<boolean> {
  await storage.check();
  for await (const _ of storage.list()) return true;
  return false;
}
