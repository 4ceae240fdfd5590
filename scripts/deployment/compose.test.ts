import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { registrationCredential } from '#kit/registry/credential';
import { programsOf } from '../build/programs';
import { serverUsers } from '../server-users/users';
import { databaseOwner, deployedProcesses, sourceOf } from './processes';
import { AGREED_SECRETS, isSecret, OWN_SECRETS } from './secrets';

const ROOT = join(import.meta.dir, '..', '..');
const textOf = (file: string) => Bun.file(join(ROOT, file)).text();
const processes = deployedProcesses(await textOf('Procfile'));

describe('compose', () => {
  test('passes each process the variables that it reads, and no others', async () => {
    const { services } = Bun.YAML.parse(await textOf('deploy/compose.yml')) as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    for (const { name, variables } of processes) {
      const { PORT, ...environment } = services[name]?.environment ?? {};
      expect([PORT !== undefined, Object.keys(environment).sort()]).toEqual([true, [...variables]]);
      // Each can be set by its own name, or that of its service.
      for (const [variable, value] of Object.entries(environment)) expect(value).toContain(`${variable}:`);
    }
  });

  test('gives no secret to several processes, but those that they must agree on', async () => {
    const { services } = Bun.YAML.parse(await textOf('deploy/compose.yml')) as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    const sources = processes.flatMap(({ name, variables }) =>
      variables
        .filter(isSecret)
        .map((variable) => /^\$\{(\w+)/.exec(services[name]?.environment[variable] ?? '')?.[1] ?? variable),
    );
    const shared = sources.filter((name, index) => sources.indexOf(name) !== index);
    expect(shared.filter((name) => !AGREED_SECRETS.has(name))).toEqual([]);
    // The operator's, of the servers' administrators.
    for (const own of ['AMQP_PASSWORD', 'REDIS_PASSWORD', 'MARIADB_ROOT_PASSWORD'])
      expect(sources).not.toContain(own);
    expect(
      processes.flatMap(({ name, variables }) => (variables.includes('REGISTRY_TOKEN') ? name : [])),
    ).toEqual(['registry']);
  });

  test('writes the users of RabbitMQ and Redis before these start', async () => {
    const { services } = Bun.YAML.parse(await textOf('deploy/compose.yml')) as {
      services: Record<
        string,
        { command?: string[]; environment: Record<string, string>; depends_on?: object }
      >;
    };
    const programs = programsOf(await textOf('Procfile')).map(({ module }) => module);
    for (const server of ['rabbitmq', 'redis'] as const) {
      const writer = services[`${server}-users`];
      expect(programs).toContain(`${writer?.command?.[0]}/main.ts`);
      expect(services[server]?.depends_on).toEqual({
        [`${server}-users`]: { condition: 'service_completed_successfully', restart: true },
      });
      const passwords = Object.fromEntries(
        Object.keys(writer?.environment ?? {}).map((name) => [name, `the password ${name}`]),
      );
      expect(serverUsers(server, passwords)).toContain('rookery');
      // Where both the writer and the server find them.
      const [, , file = ''] = writer?.command ?? [];
      expect(
        await Promise.all(
          ['compose.infra.yml', 'rabbitmq.conf'].map((name) => textOf(`deploy/${name}`)),
        ).then(String),
      ).toContain(file);
    }
  });

  test('composes no URL from a secret', async () => {
    for (const file of ['deploy/compose.yml', 'deploy/compose.infra.yml'])
      expect(await textOf(file)).not.toMatch(/:\/\/[^"\s]*\$\{?\w*(?:PASSWORD|SECRET)/);
  });

  test('has no secret that is known, and no development default for a server', async () => {
    const { services } = Bun.YAML.parse(await textOf('deploy/compose.yml')) as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    const development = Bun.YAML.parse(await textOf('deploy/compose.infra.yml')) as typeof services &
      Record<'services', typeof services>;
    for (const [server, { environment = {} }] of Object.entries(development.services))
      for (const [variable, value] of Object.entries(environment))
        if (value === 'rookery-development')
          expect(services[server]?.environment[variable], `${server} ${variable}`).not.toContain(
            'development',
          );
  });

  test('gets a different secret for each variable from production-env.sh', async () => {
    const { stdout, exitCode } = Bun.spawnSync(['sh', 'deploy/production-env.sh', 'https://a.example'], {
      cwd: ROOT,
    });
    const settings = new Map(
      [...stdout.toString().matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
    );
    const secrets = [...settings].filter(
      ([name]) => isSecret(name) || /_(PASSWORD|CREDENTIAL|SECRET|SERVICE_KEY)$/.test(name),
    );
    for (const { name, variables } of processes)
      if (variables.includes('REGISTRY_CREDENTIAL'))
        expect(settings.get(sourceOf({ name }, 'REGISTRY_CREDENTIAL'))).toBe(
          registrationCredential(settings.get('REGISTRY_TOKEN') ?? '', name),
        );
    expect([exitCode, settings.get('PUBLIC_URL')]).toEqual([0, 'https://a.example']);
    expect(new Set(secrets.map(([, value]) => value)).size).toBe(secrets.length);
    const needed = [...(await textOf('deploy/compose.yml')).matchAll(/\$\{(\w+):\?/g)].map(
      ([, name]) => name,
    );
    const owned = processes.flatMap((process) => databaseOwner(process) ?? []);
    for (const name of [
      ...needed.filter((one) => one !== 'DB_PASSWORD' && one !== 'INTERNAL_SECRET'),
      ...processes.flatMap((process) =>
        process.variables
          .filter(isSecret)
          .flatMap((one) => (OWN_SECRETS.includes(one) ? sourceOf(process, one) : [])),
      ),
      ...owned.map((one) => `${one}_DB_PASSWORD`),
    ])
      expect(settings.get(name ?? '')?.length, name).toBeGreaterThan(15);
  });
});

test('production-env.sh keeps what a file of before has, and adds what is missing', () => {
  const before = join(mkdtempSync(join(tmpdir(), 'rookery-env-')), 'production.env');
  const run = (...args: string[]) =>
    Bun.spawnSync(['sh', 'deploy/production-env.sh', 'https://a.example', ...args], {
      cwd: ROOT,
    }).stdout.toString();
  const first = run();
  const older = `${first.replace(/^(AUTH_INTERNAL_SECRET|USERS_REDIS_PASSWORD|LIKES_SERVICE_KEY|VIDEO_AMQP_PASSWORD)=.*\n/gm, '')}
INTERNAL_SECRET=the one secret of before
CORS_ORIGINS='https://a.example'
`;
  writeFileSync(before, older);
  const second = run(before);
  rmSync(dirname(before), { recursive: true });
  const lines = (text: string) => text.split('\n').filter((line) => /^\w+=/.test(line));
  const isNew =
    /^(AUTH_INTERNAL_SECRET|USERS_REDIS_PASSWORD|LIKES_SERVICE_KEY|VIDEO_AMQP_PASSWORD|SERVICE_KEYS)=/;
  expect(
    lines(second)
      .filter((line) => !isNew.test(line))
      .sort(),
  ).toEqual(
    lines(older)
      .filter((line) => !isNew.test(line))
      .map((line) => line.replace(/=(the .*)/, "='$1'").replace(/^(INTERNAL_SECRET)='(.*)'/, '$1=$2'))
      .sort(),
  );
  expect(second).toContain("\nAUTH_INTERNAL_SECRET='the one secret of before'\n");
  expect(second).toMatch(/\nVIDEO_AMQP_PASSWORD=.{40,}\n/);
  // Both keys of the process are accepted.
  expect(/^SERVICE_KEYS=(.*)$/m.exec(second)?.[1]?.match(/likes=/g)).toHaveLength(2);
});
