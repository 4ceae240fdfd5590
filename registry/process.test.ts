import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { ServiceChange } from '#contracts/registry';
import { eventually } from '../tests/support/eventually';
import { freePort, SHORT_LEASE, spawnRegistry, startRegistry } from '../tests/support/registry';
import { callAt, enterAt, watch } from './test-calls';

// Some promises are about seconds of standing still.
setDefaultTimeout(30_000);

describe('the process', () => {
  test('evicts nobody after it stood still for longer than a lease', async () => {
    const child = Bun.spawn(
      [process.execPath, `${import.meta.dir}/../tests/support/short-lease-registry.ts`],
      {
        stdout: 'pipe',
      },
    );
    try {
      const { value } = await child.stdout.getReader().read();
      const base = new TextDecoder().decode(value).trim();
      const { instance_id: id, lease_secret: secret } = await enterAt(base, 'paused');
      child.kill('SIGSTOP');
      await Bun.sleep(SHORT_LEASE.removedMs * 2);
      child.kill('SIGCONT');
      expect(await (await fetch(`${base}/services/paused`)).json()).toMatchObject({
        instances: [{ state: 'up' }],
      });
      expect((await callAt(base, `/heartbeat/${id}`, 'POST', secret, {})).status).toBe(200);
      await eventually(async () => {
        const { instances } = (await (await fetch(`${base}/services/paused`)).json()) as ServiceChange;
        return instances.length === 0;
      });
    } finally {
      child.kill('SIGKILL');
      await child.exited;
    }
  });

  test('insists on its port, and in production on a token and an allow-list', async () => {
    const { url, close } = await startRegistry();
    expect((await runToEnd({ PORT: new URL(url).port })).exitCode).toBe(1);
    await close();
    const { exitCode, errors } = await runToEnd({ PORT: '0', NODE_ENV: 'production' });
    expect(exitCode).toBe(78);
    expect(errors).toContain('REGISTRY_TOKEN');
    expect(errors).toContain('REGISTRY_ALLOWED_HOSTS');
  });

  test('ends on SIGTERM while watchers are open', async () => {
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
