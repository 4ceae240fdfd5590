import { link, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { assertSha256, BytesMissing, type FileStorage, isSha256 } from './file-storage';
import { removeStagedBefore, stageFile } from './staging';

/**
 * Opens a storage in a local folder, or one that several machines mount. A file gets its name by a hard link once it is
 * completely on disk: a crash never leaves a partial file under a name.
 *
 * @param folder created if it does not exist
 */
export function openFolderStorage(folder: string): FileStorage {
  const root = resolve(folder);
  // In the same file system, which hard links require.
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
    // Equal names are equal bytes.
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
    (stats) => stats.isFile(),
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
