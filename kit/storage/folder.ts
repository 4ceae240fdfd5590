import { link, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { assertSha256, BytesMissing, type FileStorage, isSha256 } from './file-storage';
import { removeStagedBefore, stageFile } from './staging';

/**
 * Files in a folder of this machine, or one that several machines mount. A file gets its name by a hard link once all
 * of it is on the disk: under a name there is never a part of a file, whatever dies when.
 *
 * @param folder made when it is missing
 */
export function openFolderStorage(folder: string): FileStorage {
  const root = resolve(folder);
  // In the same file system, which a link needs.
  const incoming = join(root, 'incoming');
  const pathOf = (sha256: string) => join(root, 'files', assertSha256(sha256).slice(0, 2), sha256);
  return {
    async receive(source, { maximumBytes }) {
      const staged = await stageFile(incoming, source, maximumBytes);
      return {
        ...staged,
        keep: () => linkDurably(staged.path, pathOf(staged.sha256)),
        discard: () => rm(staged.path, { force: true }),
      };
    },
    async read(sha256, range) {
      const path = pathOf(sha256);
      if (!(await isFile(path))) throw new BytesMissing();
      const file = Bun.file(path);
      return (range === undefined ? file : file.slice(range.start, range.end + 1)).stream();
    },
    holds: async (sha256) => isFile(pathOf(sha256)),
    delete: async (sha256) => rm(pathOf(sha256), { force: true }),
    async *list() {
      for (const part of await namesIn(join(root, 'files')))
        for (const name of await namesIn(join(root, 'files', part))) if (isSha256(name)) yield name;
    },
    removeAbandoned: (olderThanMs) => removeStagedBefore(incoming, olderThanMs),
    async check() {
      await mkdir(incoming, { recursive: true });
    },
  };
}

async function linkDurably(from: string, to: string): Promise<void> {
  const folder = dirname(to);
  await mkdir(folder, { recursive: true });
  try {
    await link(from, to);
  } catch (failure) {
    // The same name is the same bytes.
    if (hasCode(failure, 'EEXIST')) return;
    throw failure;
  }
  const directory = await open(folder);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    (failure: unknown) => {
      if (hasCode(failure, 'ENOENT')) return false;
      throw failure;
    },
  );

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((failure: unknown) => {
    if (hasCode(failure, 'ENOENT')) return [];
    throw failure;
  });

const hasCode = (failure: unknown, code: string): boolean =>
  failure instanceof Error && 'code' in failure && failure.code === code;
