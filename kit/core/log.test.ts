import { expect, test } from 'bun:test';

/** Logs in a separate process and returns its output. */
async function logged(statement: string): Promise<string> {
  const program = `import { createLogger } from '${import.meta.dir}/log'; const log = await createLogger({ name: 'test' }); ${statement}`;
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'inherit' });
  return new Response(child.stdout).text();
}

test('a log line is one JSON object with time, level and name', async () => {
  const line = JSON.parse(await logged(`log.info({ route: '/x' }, 'request');`));
  expect(line).toMatchObject({ level: 'info', name: 'test', route: '/x', msg: 'request' });
  expect(Number.isNaN(Date.parse(line.time))).toBe(false);
});

test('secrets that are logged by mistake are redacted', async () => {
  const fields = [
    'password',
    'token',
    'access_token',
    'refresh_token',
    'lease_secret',
    'proof_key',
    'authorization',
    'cookie',
  ];
  const secrets = JSON.stringify(Object.fromEntries(fields.map((field) => [field, 'hunter2'])));
  const lines = await logged(
    `log.info(${secrets}); log.info({ headers: ${secrets} }); log.info({ body: ${secrets} });`,
  );
  expect(lines.split('\n').filter((line) => line !== '')).toHaveLength(3);
  expect(lines).toContain('[redacted]');
  expect(lines).not.toContain('hunter2');
});
