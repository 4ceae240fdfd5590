import { afterAll } from 'bun:test';

/** Preloaded by `bunfig.toml`, so that its hook belongs to the whole run instead of one file. */
const END_MS = 60_000;
const endings: (() => Promise<void>)[] = [];

/** Calls `end` after the last test of the run, for what test files share. */
export function atEndOfRun(end: () => Promise<void>): void {
  endings.push(end);
}

afterAll(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
}, END_MS);
