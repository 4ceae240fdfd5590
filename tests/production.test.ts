import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { eventually } from './support/eventually';
import { startProcess } from './support/processes';
import { PRODUCTION } from './support/production';
import { startRegistry } from './support/registry';

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, '..');
const SERVICE = ['REGISTRY_TOKEN', 'AMQP_URL', 'JWT_SECRET', 'JWT_ISSUER', 'SERVICE_KEY', 'SERVICE_KEYS'];
const LIMITS = ['', '_SIGN_IN', '_REGISTRATION', '_PASSWORD_RESET'].map(
  (kind) => `RATE_LIMIT${kind}_PER_MINUTE`,
);

/** One process of each kind, with what it needs in production and has no safe default. */
const NEEDED: Record<string, readonly string[]> = {
  registry: ['REGISTRY_TOKEN', 'REGISTRY_ALLOWED_HOSTS'],
  gateway: [...SERVICE, 'INTERNAL_SECRET', 'REDIS_URL', 'PUBLIC_URL', ...LIMITS],
  'services/users': [...SERVICE, 'DB_PASSWORD', 'ADMIN_PASSWORD', 'PUBLIC_URL'],
  'services/polls': [...SERVICE, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  'services/resumes': [...SERVICE, 'DB_PASSWORD', 'PUBLIC_URL'],
  'workers/posts': ['SERVICE_KEY', 'SERVICE_KEYS'],
  'workers/media': ['SERVICE_KEY', 'SERVICE_KEYS', 'AMQP_URL'],
};

test('production refuses to start without what it needs, and names all of it at once', async () => {
  await Promise.all(
    Object.entries(NEEDED).map(async ([folder, needed]) => {
      const { exitCode, problems } = await refusal(folder, { NODE_ENV: 'production' });
      expect([exitCode, namesIn(problems)], folder).toEqual([78, [...needed].sort()]);
      // Each says what to do.
      for (const problem of problems) expect(problem).toMatch(/: \S+/);
    }),
  );
});

test('production refuses the well-known credentials of every server', async () => {
  const known = {
    DB_PASSWORD: 'rookery-development',
    AMQP_URL: 'amqp://guest:guest@127.0.0.1:5672',
    AMQP_USER: '',
    AMQP_PASSWORD: '',
    ADMIN_PASSWORD: 'x',
    PUBLIC_URL: 'api.example.com',
    INTERNAL_SECRET: 'development-internal-secret',
    REGISTRY_TOKEN: 'development-registry-token',
  };
  const { exitCode, problems } = await refusal('services/users', { ...PRODUCTION, ...known });
  expect(exitCode).toBe(78);
  expect(namesIn(problems)).toEqual([
    'ADMIN_PASSWORD',
    'AMQP_URL',
    'DB_PASSWORD',
    'PUBLIC_URL',
    'REGISTRY_TOKEN',
  ]);
  for (const value of Object.values(known).filter((text) => text.length > 4))
    expect(problems.join()).not.toContain(value);
});

test('production refuses to send mail to addresses that nobody has confirmed', async () => {
  const { exitCode, problems } = await refusal('services/mail', { ...PRODUCTION, MAIL_UNVERIFIED: '1' });
  expect([exitCode, namesIn(problems)]).toEqual([78, ['MAIL_UNVERIFIED']]);
});

const registry = await startRegistry({ token: 'the-token-of-this-registry' });
afterAll(registry.close);

test('a service whose token the registry rejects is not ready, and says so', async () => {
  const service = await startProcess('services/video/main.ts', {
    ...PRODUCTION,
    REGISTRY_URL: registry.url,
    REGISTRY_TOKEN: 'not-the-token-of-the-registry',
  });
  try {
    await eventually(async () => {
      const response = await fetch(`${service.url}/readyz`);
      const { dependencies } = (await response.json()) as { dependencies: Record<string, unknown> };
      expect(dependencies.registration).toMatchObject({
        status: 'down',
        detail: expect.stringContaining('REGISTRY_TOKEN'),
      });
      expect(response.status).toBe(503);
    });
  } finally {
    await service.stop();
  }
});

/** Runs a process that is expected to refuse its configuration. */
async function refusal(folder: string, environment: Record<string, string>) {
  const { PATH = '' } = process.env;
  const child = Bun.spawn([process.execPath, join(ROOT, folder, 'main.ts')], {
    // Outside of the project, whose `.env` Bun would read.
    cwd: '/',
    env: { PATH, PORT: '0', ...environment },
    stdout: 'ignore',
    stderr: 'pipe',
    timeout: 50_000,
  });
  const output = await new Response(child.stderr).text();
  return {
    exitCode: await child.exited,
    problems: output.split('\n').filter((line) => line.startsWith('  ')),
  };
}

const namesIn = (problems: readonly string[]) => problems.map((line) => line.trim().split(' ')[0]).sort();
