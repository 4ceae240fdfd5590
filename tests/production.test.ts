import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { developmentIdentity, publicKeyText } from '#kit/core/identity';
import { Problem } from '#kit/errors/problem';
import type { GrpcDefinition } from '#kit/grpc/definition';
import { watchRegistry } from '#kit/registry/client';
import { registrationCredential } from '#kit/registry/credential';
import { providerCharges } from '../services/payments/schema';
import { eventually } from './support/eventually';
import { permittedClient } from './support/permitted-client';
import { startProcess } from './support/processes';
import { PRODUCTION, productionEnvironment } from './support/production';
import { startRegistry } from './support/registry';
import { testDatabase, testRuntime } from './support/servers';
import { signature } from './support/stripe';

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, '..');
const SERVICE = ['REGISTRY_TOKEN', 'AMQP_URL', 'JWT_ISSUER', 'SERVICE_KEY', 'SERVICE_KEYS'];
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
  'services/payments': [...SERVICE, 'DB_PASSWORD', 'PAYMENT_PROVIDER', 'STRIPE_WEBHOOK_SECRET'],
  'workers/payments': ['SERVICE_KEY', 'SERVICE_KEYS', 'AMQP_URL', 'PAYMENT_PROVIDER', 'STRIPE_SECRET_KEY'],
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

test('production refuses a user of RabbitMQ that is not of the process', async () => {
  const shared = { ...PRODUCTION, AMQP_USER: 'rookery' };
  const [service, worker] = await Promise.all([
    refusal('services/video', shared),
    refusal('workers/media', shared),
  ]);
  expect([service.exitCode, namesIn(service.problems)]).toEqual([78, ['AMQP_USER']]);
  expect([worker.exitCode, namesIn(worker.problems)]).toEqual([78, ['AMQP_USER']]);
});

test('production needs the secret that verifiers of access tokens share only where they share one', async () => {
  const shared = { ...PRODUCTION, JWT_ALG: 'HS256', JWT_SECRET: '' };
  const { exitCode, problems } = await refusal('services/video', shared);
  expect([exitCode, namesIn(problems)]).toEqual([78, ['JWT_SECRET']]);
});

test('production refuses to send mail to addresses that nobody has confirmed', async () => {
  const { exitCode, problems } = await refusal('services/mail', { ...PRODUCTION, MAIL_UNVERIFIED: '1' });
  expect([exitCode, namesIn(problems)]).toEqual([78, ['MAIL_UNVERIFIED']]);
});

test('production refuses what pays without money: the mock of a provider, and test mode', async () => {
  const mock = { ...PRODUCTION, PAYMENT_PROVIDER: 'mock' };
  const testMode = {
    ...PRODUCTION,
    STRIPE_SECRET_KEY: 'sk_test_ofATestOfProduction',
    STRIPE_API_URL: 'http://127.0.0.1:1',
  };
  const refusals = await Promise.all([
    refusal('services/payments', mock),
    refusal('workers/payments', mock),
    refusal('workers/payments', testMode),
    refusal('services/payments', { ...PRODUCTION, STRIPE_WEBHOOK_SECRET: 'whsec_ofATestOfProduction,' }),
  ]);
  expect(refusals.map(({ exitCode, problems }) => [exitCode, namesIn(problems)])).toEqual([
    [78, ['PAYMENT_PROVIDER']],
    [78, ['PAYMENT_PROVIDER']],
    [78, ['STRIPE_API_URL', 'STRIPE_SECRET_KEY']],
    [78, ['STRIPE_WEBHOOK_SECRET']],
  ]);
  expect(JSON.stringify(refusals)).not.toContain('ofATestOfProduction');
});

const registry = await startRegistry({ token: 'the-token-of-this-registry' });
afterAll(registry.close);

test('a service registers with a credential of its own, without the token of all', async () => {
  const { REGISTRY_TOKEN: _, ...settings } = PRODUCTION;
  const service = await startProcess('services/video/main.ts', {
    ...settings,
    REGISTRY_URL: registry.url,
    REGISTRY_CREDENTIAL: registrationCredential('the-token-of-this-registry', 'video'),
  });
  try {
    await eventually(async () => {
      const response = await fetch(`${service.url}/readyz`);
      const { dependencies } = (await response.json()) as { dependencies: Record<string, unknown> };
      expect(dependencies.registration).toMatchObject({ status: 'up' });
    });
  } finally {
    await service.stop();
  }
});

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

test('in production payments serve webhooks, and no mock of a provider', async () => {
  const storage = await testDatabase();
  const { environment, drop } = await productionEnvironment(storage);
  const runtime = testRuntime('payments-worker');
  const worker = publicKeyText(developmentIdentity('payments-worker').privateKey);
  const service = await startProcess('services/payments/main.ts', {
    ...environment,
    SERVICE_KEYS: `${PRODUCTION.SERVICE_KEYS?.replace('users=', 'payments=')},payments-worker=${worker}`,
    PAYMENTS_DB_NAME: storage.address.database,
    REGISTRY_URL: registry.url,
    REGISTRY_TOKEN: 'the-token-of-this-registry',
  });
  try {
    const instances = watchRegistry(runtime, { urls: [registry.url] });
    const client = <Definition extends GrpcDefinition>(definition: Definition) =>
      permittedClient(runtime, { service: 'payments', definition, registry: instances });
    const payments = client(PaymentsServiceDefinition);
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => 'none',
        (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure)),
      );
    const refund = { refund_id: Bun.randomUUIDv7() };
    await eventually(async () => {
      expect(await codeOf(payments.getRefund(refund))).toBe('refund.not-found');
    });
    const mock = client(ProviderServiceDefinition);
    const key = { idempotency_key: Bun.randomUUIDv7() };
    const charge = { ...key, payment_method: 'pm_ok', amount: '1.00', currency: 'EUR' };
    for (const call of [() => mock.charge(charge), () => mock.getCharge(key), () => mock.refundCharge(key)])
      await expect(call()).rejects.toMatchObject({ cause: { code: status.UNIMPLEMENTED } });
    expect(await storage.database.$count(providerCharges)).toBe(0);

    const body = JSON.stringify({ id: 'evt_1', type: 'something.new', data: { object: {} } });
    const post = async (secret: string) => {
      const headers = { 'stripe-signature': await signature(body, { secret }) };
      return (await fetch(`${service.url}/payments/webhooks/stripe`, { method: 'POST', body, headers }))
        .status;
    };
    expect([await post(environment.STRIPE_WEBHOOK_SECRET ?? ''), await post('whsec_ofSomebodyElse')]).toEqual(
      [204, 400],
    );
  } finally {
    await service.stop();
    await runtime.close();
    await drop();
    await storage.drop();
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
