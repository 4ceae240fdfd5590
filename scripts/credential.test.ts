import { expect, test } from 'bun:test';
import { registrationCredential } from '#kit/registry/credential';

function run(name: string, token: string | undefined) {
  const child = Bun.spawnSync([process.execPath, `${import.meta.dir}/credential.ts`, name], {
    env: { PATH: process.env.PATH, ...(token !== undefined && { REGISTRY_TOKEN: token }) },
    cwd: '/',
  });
  return { exitCode: child.exitCode, output: child.stdout.toString().trim() };
}

test('make credential prints the credential of one name, and of no reserved one', () => {
  const token = 'a-token-of-the-tests';
  expect(run('hello', token)).toEqual({ exitCode: 0, output: registrationCredential(token, 'hello') });
  for (const name of ['gateway', 'console', 'Hello', ''])
    expect(run(name, token)).toEqual({ exitCode: 64, output: '' });
  expect(run('hello', undefined)).toEqual({ exitCode: 78, output: '' });
});
