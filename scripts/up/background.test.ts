import { afterAll, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markOf, stopProcessesOf } from '../../infra/processes';
import { startInBackground } from './background';
import { GATEWAY_URL, welcome } from './welcome';

const folder = mkdtempSync(join(tmpdir(), 'rookery-background-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(script: string) {
  let shown = '';
  const [name, mark = ''] = Object.entries(markOf(folder))[0] ?? [];
  const isUp = await startInBackground({
    command: ['env', `${name}=${mark}`, 'sh', '-c', script],
    folder,
    logFolder: folder,
    isReady: () => existsSync(join(folder, 'ready')),
    show: (text) => {
      shown += text;
    },
  });
  return { isUp, shown };
}

test('the start in the background shows what the start in the foreground shows, to its end', async () => {
  const { isUp, shown } = await start('echo Starting; echo; echo welcome; touch ready; exec sleep 300');
  expect({ isUp, shown }).toEqual({ isUp: true, shown: 'Starting\n\nwelcome\n' });
  expect(await stopProcessesOf(folder, { graceMs: 5_000 })).toBe(1);
  expect(statSync(join(folder, 'up.log')).mode & 0o777).toBe(0o600);
});

test('a start that fails shows the reason', async () => {
  rmSync(join(folder, 'ready'), { force: true });
  expect(await start('echo Port 8080 is in use >&2; exit 1')).toEqual({
    isUp: false,
    shown: 'Port 8080 is in use\n',
  });
  expect(readFileSync(join(folder, 'up.log.1'), 'utf8')).toContain('welcome');
});

test('the welcome says how the operator signs in, without the password', () => {
  const text = welcome({}, { ADMIN_USERNAME: 'root', ADMIN_PASSWORD: 'not-for-the-terminal' });
  expect(text).toContain('root / the ADMIN_PASSWORD in .env');
  expect(text).toContain(`${GATEWAY_URL}auth/sign-in`);
  expect(text).not.toContain('not-for-the-terminal');
});

test('the welcome of several machines names both gateways, all registries and a process that exists', () => {
  const machines = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  const text = welcome({}, {}, { gateways: machines.slice(0, 2), registries: machines, process: 'users-1' });
  expect(text).toContain('http://127.0.0.1:8080/ http://127.0.0.2:8080/\n');
  expect(text).toContain('http://127.0.0.3:8006/services\n');
  expect(text).toContain('`make logs s=users-1`');
});
