import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf } from './processes';

/** The folder is locked by another running process. */
export class FolderInUse extends Error {
  constructor(
    readonly folder: string,
    readonly pid: number,
  ) {
    super(`${folder} is in use by process ${pid}`);
    this.name = 'FolderInUse';
  }
}

/**
 * Locks `folder` for this process until the returned function is called or the process exits: the lock of a process
 * that no longer runs is ignored.
 *
 * @throws {FolderInUse} when another running process holds the lock
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  // Of before it may be open to others: what the servers store is personal.
  chmodSync(folder, 0o700);
  const file = ownerFile(folder);
  const holder = ownerOf(folder);
  if (holder !== undefined) throw new FolderInUse(folder, holder);
  rmSync(file, { force: true });
  try {
    writeFileSync(file, `${process.pid} ${startTimeOf(process.pid)}\n`, { flag: 'wx' });
  } catch (failure) {
    const winner = ownerOf(folder);
    throw winner === undefined ? failure : new FolderInUse(folder, winner);
  }
  return () => rmSync(file, { force: true });
}

/** The pid of the running process that has locked `folder`, if any. */
export function ownerOf(folder: string): number | undefined {
  let content: string;
  try {
    content = readFileSync(ownerFile(folder), 'utf8');
  } catch {
    return undefined;
  }
  const [pid = '', startTime] = content.trim().split(' ');
  return startTime !== undefined && startTimeOf(Number(pid)) === startTime ? Number(pid) : undefined;
}

const ownerFile = (folder: string) => join(folder, 'owner');
