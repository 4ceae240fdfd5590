import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { programsOf } from './build/programs';
import { deploymentFiles } from './deployment';
import { databaseOwner, deployedProcesses } from './deployment/processes';
import { AGREED_SECRETS, isSecret } from './deployment/secrets';

const ROOT = join(import.meta.dir, '..');
const textOf = (file: string) => Bun.file(join(ROOT, file)).text();
const found = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })].sort();

const processes = deployedProcesses(await textOf('Procfile'));
const described = [...(await textOf('.env.example')).matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(
  ([, name = '']) => name,
);
/** Set by the image, the platform or the process itself. */
const NOT_SETTINGS = ['IDENTITY_FILE', 'NODE_ENV', 'HOST', 'PORT', 'ADVERTISED_HOST', 'GATEWAY_WORKER'];

interface Container {
  name: string;
  image: string;
  args: string[];
  env: { name: string; value?: string; valueFrom?: { secretKeyRef?: { key: string } } }[];
}

interface KubernetesObject {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: { template: { spec: { containers: [Container] } } };
}

const objectsIn = async (file: string) =>
  [Bun.YAML.parse(await textOf(`deploy/kubernetes/${file}`))].flat() as KubernetesObject[];

test('the committed deployment files match the Procfile (else run `make deployment`)', async () => {
  for (const [file, text] of Object.entries(deploymentFiles(await textOf('Procfile'))))
    expect(await textOf(file), file).toBe(text);
});

test('all YAML and JSON in deploy/ is valid', async () => {
  const documents = found('deploy/**/*.{yml,yaml}');
  expect(documents.length).toBeGreaterThan(5);
  for (const file of documents) expect(Bun.YAML.parse(await textOf(file)), file).toBeObject();
  for (const file of found('deploy/**/*.json')) expect(JSON.parse(await textOf(file)), file).toBeObject();
});

test('every variable in .env.example is one of a process, and the other way round', () => {
  const read = new Set(processes.flatMap(({ variables }) => variables));
  expect(described.filter((name) => !read.has(name) && !NOT_SETTINGS.includes(name))).toEqual([]);
  expect([...read].filter((name) => !described.includes(name))).toEqual([]);
});

test('every image has a version', async () => {
  const { services } = Bun.YAML.parse(await textOf('deploy/compose.infra.yml')) as {
    services: Record<string, { image?: string; build?: { dockerfile_inline: string } }>;
  };
  const inline = Object.values(services).flatMap(({ build }) =>
    [...(build?.dockerfile_inline ?? '').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image),
  );
  const bases = [...(await textOf('deploy/Dockerfile')).matchAll(/^FROM ((?!packages\b)\S+)/gm)].map(
    ([, image]) => image,
  );
  const images = [...Object.values(services).flatMap(({ image }) => image ?? []), ...inline, ...bases];
  expect(images.length).toBeGreaterThan(8);
  for (const image of images) expect(image).toMatch(/:[^:]*\d[^:]*$/);
});

test('two hundred people may sign in at once from one address: the burst is half of a minute', async () => {
  const example = await Bun.file(join(import.meta.dir, '../deploy/production.env.example')).text();
  const [, perMinute] = /^RATE_LIMIT_SIGN_IN_PER_MINUTE=(\d+)$/m.exec(example) ?? [];
  expect(Number(perMinute) / 2).toBeGreaterThanOrEqual(200);
});

test('MariaDB creates a user for each database, whatever the password', () => {
  const password = `it's a "\\" $(touch /x) \`password\``;
  const { stdout, exitCode } = Bun.spawnSync(
    // A `mariadb` that prints its input.
    ['sh', '-c', 'mariadb() { cat; }; . deploy/mariadb.sh'],
    {
      cwd: ROOT,
      env: { ...process.env, USERS_DB_PASSWORD: password, MAIL_DB_PASSWORD: 'other', DB_PASSWORD: '' },
    },
  );
  const lines = stdout.toString().trim().split('\n').sort();
  expect([exitCode, lines]).toEqual([
    0,
    [
      `create user if not exists 'rookery_mail'@'%' identified by 'other';`,
      `create user if not exists 'rookery_users'@'%' identified by '${password.replaceAll('\\', '\\\\').replaceAll("'", "''")}';`,
      "grant all privileges on `microblog\\_users`.* to 'rookery_users'@'%';",
      "grant all privileges on `rookery\\_mail`.* to 'rookery_mail'@'%';",
    ],
  ]);
});

describe('systemd', () => {
  /** systemd.unit(5), systemd.service(5), systemd.exec(5) and the other pages, as far as they are used here. */
  const DIRECTIVES: Readonly<Record<string, RegExp>> = {
    Unit: /^(Description|After|Wants|PartOf)$/,
    Service:
      /^(Environment|EnvironmentFile|WorkingDirectory|ExecStart|Restart(Sec|PreventExitStatus)?|TimeoutStopSec|KillMode|MemoryMax|TasksMax|User|DynamicUser|StateDirectory|NoNewPrivileges|CapabilityBoundingSet|AmbientCapabilities|Protect(System|Home|KernelTunables|KernelModules|ControlGroups)|Private(Tmp|Devices)|Restrict(AddressFamilies|SUIDSGID)|LockPersonality|SystemCall(Architectures|Filter))$/,
    Install: /^WantedBy$/,
  };

  /** A unit file as `[section, directive, value]`. */
  const parsed = (text: string) => {
    let section = '';
    return text.split('\n').flatMap((line) => {
      if (/^(#.*)?$/.test(line)) return [];
      const [, opened] = /^\[(\w+)\]$/.exec(line) ?? [];
      if (opened !== undefined) section = opened;
      const [, name = '', value = ''] = /^(\w+)=(.+)$/.exec(line) ?? [];
      return opened === undefined ? [[section, name, value] as const] : [];
    });
  };

  test.each(['rookery.target', 'rookery@.service'])('%s has known directives only', async (file) => {
    const lines = parsed(await textOf(`deploy/systemd/${file}`));
    expect(lines.filter(([section, name]) => DIRECTIVES[section]?.test(name) !== true)).toEqual([]);
  });

  test('starts every process of the executable, and restarts none that is misconfigured', async () => {
    const wanted = parsed(await textOf('deploy/systemd/rookery.target')).flatMap(([, name, value]) =>
      name === 'Wants' ? [value] : [],
    );
    expect(wanted).toEqual(processes.map(({ name }) => `rookery@${name}.service`));
    const programs = programsOf(await textOf('Procfile')).map(({ name }) => name);
    expect(processes.filter(({ name }) => !programs.includes(name))).toEqual([]);
    const unit = await textOf('deploy/systemd/rookery@.service');
    expect(unit).toContain('ExecStart=/opt/rookery/rookery %i\n');
    expect(unit).toContain('RestartPreventExitStatus=78');
  });
});

describe('Kubernetes', () => {
  test('runs no container as root, unconfined, without requests, or with a writable root', async () => {
    const objects = [...(await objectsIn('processes.yaml')), ...(await objectsIn('migrate.yaml'))];
    const pods = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'Job');
    expect(pods).toHaveLength(processes.length + 1);
    for (const pod of pods) {
      expect(pod.spec.template.spec).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            image: expect.stringMatching(/^rookery:\d+\.\d+\.\d+/),
            securityContext: {
              readOnlyRootFilesystem: true,
              allowPrivilegeEscalation: false,
              capabilities: { drop: ['ALL'] },
            },
            resources: {
              requests: { cpu: expect.any(String), memory: expect.any(String) },
              limits: { memory: expect.any(String) },
            },
          },
        ],
      });
    }
  });

  test('has a policy, a budget and an autoscaler for each process, and probes that work with TLS', async () => {
    const objects = await objectsIn('processes.yaml');
    const namesOf = (wanted: string) =>
      objects.filter(({ kind }) => kind === wanted).map(({ metadata }) => metadata.name);
    const all = processes.map(({ name }) => name);
    expect(namesOf('Deployment')).toEqual(all);
    expect(namesOf('NetworkPolicy')).toEqual(all);
    expect(namesOf('PodDisruptionBudget')).toEqual(all);
    // The replicas of the registry share one table: two suffice.
    expect(namesOf('HorizontalPodAutoscaler')).toEqual(all.filter((name) => name !== 'registry'));
    const gateway = objects.find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'gateway',
    );
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      expect(gateway?.spec.template.spec.containers[0]).toMatchObject({
        [probe]: { exec: { command: ['bun', 'health.js', expect.any(String)] } },
      });
    const base = await objectsIn('base.yaml');
    expect(base.map(({ kind }) => kind)).toEqual([
      'Namespace',
      'ConfigMap',
      'Secret',
      'NetworkPolicy',
      'Ingress',
    ]);
    expect(base.at(-1)).toMatchObject({
      metadata: { annotations: { 'nginx.ingress.kubernetes.io/proxy-body-size': expect.any(String) } },
      spec: { tls: [{ hosts: [expect.any(String)], secretName: 'rookery-tls' }] },
    });
  });

  test('leaves every setting to the ConfigMap but the port, the address and the users', async () => {
    const objects = await objectsIn('processes.yaml');
    const fixed = objects
      .filter(({ kind }) => kind === 'Deployment')
      .flatMap(({ spec }) => spec.template.spec.containers[0].env)
      .filter(({ valueFrom }) => valueFrom?.secretKeyRef === undefined)
      .map(({ name }) => name);
    expect([...new Set(fixed)].sort()).toEqual(
      [...['ADVERTISED_HOST', 'AMQP_USER', 'DB_USER', 'PORT', 'REDIS_USER', 'REGISTRY_REDIS_USER']].sort(),
    );
    for (const { kind, spec } of objects)
      if (kind === 'Deployment')
        expect(spec.template.spec.containers[0]).toMatchObject({
          envFrom: [
            { configMapRef: { name: 'rookery' } },
            { secretRef: { name: 'rookery-processes', optional: true } },
          ],
        });
  });

  test('gives each process the secrets that it reads, and a database user of its own', async () => {
    const objects = await objectsIn('processes.yaml');
    const [, , secret] = (await objectsIn('base.yaml')) as unknown as {
      stringData: Record<string, string>;
    }[];
    const keys: string[] = [];
    for (const process of processes) {
      const pod = objects.find(
        ({ kind, metadata }) => kind === 'Deployment' && metadata.name === process.name,
      );
      const given = (pod?.spec.template.spec.containers[0].env ?? []).filter(
        ({ valueFrom }) => valueFrom?.secretKeyRef !== undefined,
      );
      expect(given.map(({ name }) => name).sort()).toEqual(process.variables.filter(isSecret));
      keys.push(...given.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.key ?? []));
      const owner = databaseOwner(process);
      if (owner === undefined) continue;
      const key = given.find(({ name }) => name === 'DB_PASSWORD')?.valueFrom?.secretKeyRef?.key;
      expect(key).toBe(`${owner}_DB_PASSWORD`);
      expect(secret?.stringData).toHaveProperty(String(key));
    }
    expect(keys.filter((key, index) => keys.indexOf(key) !== index && !AGREED_SECRETS.has(key))).toEqual([]);
    for (const key of ['AUTH_INTERNAL_SECRET', 'LIKES_REDIS_PASSWORD', 'USERS_REGISTRY_CREDENTIAL'])
      expect(secret?.stringData).toHaveProperty(key);
  });
});
