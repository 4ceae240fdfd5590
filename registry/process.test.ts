import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { eventually } from '../tests/support/eventually';
import { freePort, spawnRegistry, startRegistry } from '../tests/support/registry';
import { watch } from './test-calls';

setDefaultTimeout(60_000);

describe('the registry process', () => {
  test('refuses to start on a port in use, or in production without a token and an allow-list', async () => {
    const { url, close } = await startRegistry();
    expect((await runToEnd({ PORT: new URL(url).port })).exitCode).toBe(1);
    await close();
    const { exitCode, errors } = await runToEnd({ PORT: '0', NODE_ENV: 'production' });
    expect(exitCode).toBe(78);
    expect(errors).toContain('REGISTRY_TOKEN');
    expect(errors).toContain('REGISTRY_ALLOWED_HOSTS');
  });

  test('shuts down on SIGTERM while watchers are connected', async () => {
    const running = await spawnRegistry(freePort());
    const { events, stop } = await watch(running.url);
    await eventually(() => events.length === 1);
    running.child.kill('SIGTERM');
    expect(await running.child.exited).toBe(0);
    stop();
  });
});

async function runToEnd(environment: Record<string, string>) {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/main.ts`], {
    env: { ...process.env, LOG_LEVEL: 'silent', ...environment },
    stdout: 'ignore',
    stderr: 'pipe',
    timeout: 10_000,
  });
  return { errors: await new Response(child.stderr).text(), exitCode: await child.exited };
}
