import {
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';

/** A log of this size is rotated; one rotated file is kept. */
export const MAX_LOG_BYTES = 5 * 1024 * 1024;

/**
 * Opens a log for appending. It is readable by its owner only, because it may contain personal data.
 *
 * @returns the file descriptor
 * @throws when the path is a link or no regular file: what it leads to belongs to somebody else
 */
export function openLog(file: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const log = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  if (!fstatSync(log).isFile()) throw new Error(`${file} is not a regular file`);
  fchmodSync(log, 0o600);
  return log;
}

/** Renames a log, so that the next one starts empty. Only regular files: nothing else was written by this project. */
export function rotateLog(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile()) renameSync(file, `${file}.1`);
}

/**
 * Rotates a log of another process, which holds it open: copies and empties it. A line written between the two is lost.
 *
 * @returns whether it had reached `maxBytes`
 */
export function rotateOpenLog(file: string, maxBytes = MAX_LOG_BYTES): boolean {
  const size = lstatSync(file, { throwIfNoEntry: false })?.isFile() ? statSync(file).size : 0;
  if (size < maxBytes) return false;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
  return true;
}
