import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { databaseOf } from './databases';
import { composeFile } from './deployment/compose';
import { migrationObjects, objectsOf } from './deployment/kubernetes';
import type { Surroundings } from './deployment/network-policy';
import { type Deployed, databaseOwner, deployedProcesses, prefixOf, sourceOf } from './deployment/processes';
import { OWN_SECRETS } from './deployment/secrets';
import { systemdTarget } from './deployment/systemd';
import { SHARD_KEYS } from './deployment/vitess/shard-keys';
import { vschemaOf } from './deployment/vitess/vschema';

const ROOT = join(import.meta.dir, '..');
const BASE = 'deploy/kubernetes/base.yaml';
const HEADER =
  '# Generated from the Procfile by `make deployment`. Do not edit; change scripts/deployment/.\n';

/**
 * Generates the deployment files from the Procfile, so that they list every process.
 *
 * @returns the text of each file, by its path from the project's root
 */
export function deploymentFiles(procfile: string): Record<string, string> {
  const processes = deployedProcesses(procfile);
  const surroundings: Surroundings = { processes, settings: settingsOf(BASE) };
  const documents = (objects: readonly object[]) => `${HEADER}${objects.map(yaml).join('\n---\n')}\n`;
  return {
    'deploy/compose.yml': `${HEADER}${composeFile(processes)}\n`,
    'deploy/kubernetes/processes.yaml': documents(
      processes.flatMap((process) => objectsOf(process, surroundings)),
    ),
    'deploy/kubernetes/migrate.yaml': documents(migrationObjects(surroundings)),
    'deploy/systemd/rookery.target': `${HEADER}${systemdTarget(processes)}\n`,
    'deploy/prometheus/workers.json': `[\n${workerTargets(processes).join(',\n')}\n]\n`,
    'scripts/server-users/processes.json': serverUsers(processes),
    ...vschemas(),
    ...listedSecrets(processes),
  };
}

/** A keyspace of Vitess for each database. */
const vschemas = (): Record<string, string> =>
  Object.fromEntries(
    Object.keys(SHARD_KEYS).map((service) => {
      const { database } = databaseOf(service, {});
      return [`deploy/vitess/${database}.json`, `${JSON.stringify(vschemaOf(service, database), null, 2)}\n`];
    }),
  );

/** The settings of all processes in the ConfigMap, which is written by hand. */
function settingsOf(file: string): Record<string, string> {
  const objects = [Bun.YAML.parse(readFileSync(join(ROOT, file), 'utf8'))].flat() as {
    kind: string;
    data?: Record<string, string>;
  }[];
  return objects.find(({ kind }) => kind === 'ConfigMap')?.data ?? {};
}

/** The processes that have a user at a server: it has the name of the process. */
function serverUsers(processes: readonly Deployed[]): string {
  const connecting = (...urls: string[]) =>
    processes.filter(({ variables }) => urls.some((url) => variables.includes(url))).map(({ name }) => name);
  const users = { rabbitmq: connecting('AMQP_URL'), redis: connecting('REDIS_URL', 'REGISTRY_REDIS_URL') };
  // As the formatter breaks lines.
  const lines = Object.entries(users).map(([server, names]) => {
    const quoted = names.map((name) => JSON.stringify(name));
    const line = `  "${server}": [${quoted.join(', ')}]`;
    return line.length < 100 ? line : `  "${server}": [\n    ${quoted.join(',\n    ')}\n  ]`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** Files written by hand that list the secrets of all processes: only these lists are generated. */
function listedSecrets(processes: readonly Deployed[]): Record<string, string> {
  const owners = processes.flatMap((process) => databaseOwner(process) ?? []).sort();
  const passwords = owners.map((owner) => `${owner}_DB_PASSWORD`);
  const lists = { DB_PASSWORD: passwords, ...ownSecrets(processes) };
  const listed = (file: string, line: (variable: string) => string) => {
    let text = readFileSync(join(ROOT, file), 'utf8');
    for (const [kind, names] of Object.entries(lists)) text = withList(text, kind, names.map(line));
    return { [file]: text };
  };
  return {
    ...listed('deploy/production.env.example', (variable) => `${variable}=`),
    ...listed(BASE, (variable) => `  ${variable}: ""`),
  };
}

/** Replaces the first run of lines that set variables of a kind. */
function withList(text: string, kind: string, list: readonly string[]): string {
  const lines = text.split('\n');
  const isListed = (line = '') => /^[A-Z_]+$/.test(nameIn(line)) && nameIn(line).endsWith(`_${kind}`);
  const start = lines.findIndex(isListed);
  if (start === -1) return text;
  const length = lines.slice(start).findIndex((line) => !isListed(line));
  return lines.toSpliced(start, length, ...list).join('\n');
}

/** The variable that a line sets, in an environment file or a manifest. */
const nameIn = (line: string): string => line.trimStart().split(/[=:]/, 1)[0] ?? '';

/** By kind, the variables that hold the secrets of single processes. */
const ownSecrets = (processes: readonly Deployed[]) =>
  Object.fromEntries(
    OWN_SECRETS.map((kind) => [
      kind,
      processes.flatMap((process) =>
        process.variables.some((name) => [kind, `${prefixOf(process)}_${kind}`].includes(name))
          ? sourceOf(process, kind)
          : [],
      ),
    ]),
  );

const yaml = (value: object) => Bun.YAML.stringify(value, null, 2);

/** Workers do not register, so Prometheus cannot discover them through the registry. */
const workerTargets = (processes: readonly Deployed[]) =>
  processes
    .filter(({ folder }) => folder.startsWith('workers/'))
    .map(({ name, port }) => `  { "targets": ["${name}:${port}"], "labels": { "job": "${name}" } }`);

/** @returns the paths of the written files, relative to the project's root */
export function writeDeployment(): string[] {
  const files = deploymentFiles(readFileSync(join(ROOT, 'Procfile'), 'utf8'));
  mkdirSync(join(ROOT, 'deploy', 'vitess'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(ROOT, file), text);
  return Object.keys(files);
}

if (import.meta.main) console.log(`Wrote ${writeDeployment().join(', ')}`);
