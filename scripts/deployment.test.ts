import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { deploymentFiles } from './deployment';

const ROOT = join(import.meta.dir, '..');
const textOf = (file: string) => Bun.file(join(ROOT, file)).text();
const found = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })].sort();

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

test('no Kubernetes container runs as root or with a writable root file system', async () => {
  const objects = [Bun.YAML.parse(await textOf('deploy/kubernetes/processes.yaml'))].flat();
  const deployments = objects.filter((object) => Reflect.get(Object(object), 'kind') === 'Deployment');
  expect(deployments.length).toBeGreaterThan(10);
  for (const deployment of deployments)
    expect(deployment).toMatchObject({
      spec: {
        template: {
          spec: {
            securityContext: { runAsNonRoot: true },
            containers: [
              {
                securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
                resources: { limits: { memory: expect.any(String) } },
              },
            ],
          },
        },
      },
    });
});

test('alerts and dashboards use existing metrics', async () => {
  const sources = await Promise.all(found('{kit,registry,gateway,services,workers}/**/*.ts').map(textOf));
  const code = sources.join('\n');
  const rules = [...(await textOf('deploy/prometheus/rules.yml')).matchAll(/expr: ([\s\S]*?)\n +for:/g)];
  const panels = [...(await textOf('deploy/grafana/dashboards/rookery.json')).matchAll(/"expr": "(.*)"/g)];
  expect([rules.length > 5, panels.length > 12]).toEqual([true, true]);
  const unknown = [...rules, ...panels]
    .flatMap(([, expression = '']) => expression.match(/\b[a-z]+(_[a-z]+)+\b/g) ?? [])
    .map((name) => name.replace(/_(bucket|count|sum)$/, ''))
    .filter((name) => !name.startsWith('histogram') && !code.includes(name));
  expect(unknown).toEqual([]);
});
