import { expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../tests/support/eventually';
import { startProcess } from '../tests/support/processes';
import { serverVariable } from '../tests/support/servers';
import { lockFolder } from './folder-lock';

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('a data folder is for its owner alone, also one of before', () => {
  const folder = mkdtempSync(join(tmpdir(), 'permissions-'));
  const old = join(folder, 'old');
  mkdirSync(old, { mode: 0o755 });
  for (const each of [old, join(folder, 'new')]) {
    const unlock = lockFolder(each);
    expect(modeOf(each)).toBe(0o700);
    unlock();
  }
  rmSync(folder, { recursive: true });
});

test('what a process writes is for its owner alone', async () => {
  const registry = await startProcess('registry/main.ts', {});
  const [, umask] = /^Umask:\s+(\d+)$/m.exec(readFileSync(`/proc/${registry.pid}/status`, 'utf8')) ?? [];
  expect(umask).toBe('0077');
  await registry.stop();
}, 60_000);

test('the inbox of the mail catcher is read by no page of another origin, under no foreign name', async () => {
  const inbox = serverVariable('MAIL_INBOX_URL');
  await eventually(async () => (await fetch(`${inbox}/healthz`)).status === 200);
  const read = (headers: Record<string, string>, method = 'GET') =>
    fetch(`${inbox}/email`, { method, headers });
  const own = await read({ origin: inbox });
  expect([own.status, own.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  expect((await read({})).headers.get('access-control-allow-origin')).toBeNull();
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { host: 'evil.example' }])
    for (const method of ['GET', 'OPTIONS']) expect((await read(headers, method)).status).toBe(403);
});
