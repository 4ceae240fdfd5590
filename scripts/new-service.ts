import { cpSync, existsSync, globSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDeployment } from './deployment';
import { parseProcfile } from './processes/procfile';

const ROOT = join(import.meta.dir, '..');
/** A complete service, checked and tested with the others. Its name and port are replaced. */
const TEMPLATE = join(ROOT, 'scripts', 'service-template');
const TEMPLATE_NAME = 'example-items';
const TEMPLATE_PORT = 6999;
/** Ports below belong to the project's own services. gRPC listens 50 above HTTP. */
const FIRST_PORT = 6500;
const PORT_STEP = 100;
/** The name becomes part of database, path and container names. */
const MAX_NAME_LENGTH = 24;
const RESERVED = new Set([
  ...['api', 'docs', 'openapi', 'health', 'healthz', 'readyz', 'metrics', 'status', 'services', 'workers'],
  ...['infra', 'kit', 'contracts', 'scripts', 'tests', TEMPLATE_NAME],
]);

/**
 * Creates a service from the template: its folder, its line in the Procfile, its variables in `.env.example`.
 *
 * @param root folder of the project
 * @returns the port of the service
 * @throws Error when the name is invalid or taken, before anything is written
 */
export function createService(root: string, name: string): number {
  const error = nameError(root, name);
  if (error !== undefined) throw new Error(error);
  const folder = join(root, 'services', name);
  const procfile = readFileSync(join(root, 'Procfile'), 'utf8');
  const port = freePort(procfile);
  cpSync(TEMPLATE, folder, { recursive: true });
  renameSync(join(folder, `${TEMPLATE_NAME}.test.ts`), join(folder, `${name}.test.ts`));
  for (const file of readdirSync(folder).filter((each) => each.endsWith('.ts'))) {
    const path = join(folder, file);
    writeFileSync(path, fillTemplate(readFileSync(path, 'utf8'), name, port));
  }
  writeFileSync(
    join(root, 'Procfile'),
    addLine(
      procfile,
      `${name}: env PORT=${port} IDENTITY_FILE=.data/development/identities/${name}.env bun services/${name}/main.ts`,
    ),
  );
  const environment = join(root, '.env.example');
  writeFileSync(environment, `${readFileSync(environment, 'utf8').trimEnd()}\n\n${variablesOf(name)}`);
  return port;
}

/** @returns why a new service cannot have this name; undefined when it can */
export function nameError(root: string, name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length < 3 || name.length > MAX_NAME_LENGTH)
    return `A name has 3 to ${MAX_NAME_LENGTH} lower-case letters and digits, with words joined by "-", such as reading-list`;
  if (RESERVED.has(name)) return `The name ${name} is reserved`;
  if (existsSync(join(root, 'services', name))) return `The service ${name} already exists`;
  const processes = parseProcfile(readFileSync(join(root, 'Procfile'), 'utf8'));
  if (processes.some((process) => process.name === name)) return `The Procfile already has a process ${name}`;
  const claims = ['"', "'", '`'].flatMap((quote) => [`${quote}/${name}${quote}`, `${quote}/${name}/`]);
  const owner = globSync('services/*/{index,**/*routes}.{ts,tsx}', { cwd: root }).find((file) =>
    includesAny(readFileSync(join(root, file), 'utf8'), claims),
  );
  return owner === undefined ? undefined : `The path /${name} is already routed by ${owner}`;
}

const includesAny = (text: string, parts: readonly string[]): boolean =>
  parts.some((part) => text.includes(part));

/** The first free range of 100 ports; every service has one. */
function freePort(procfile: string): number {
  const used = [...procfile.matchAll(/\bPORT=(\d+)/g)].map(([, port]) => Number(port));
  let port = FIRST_PORT;
  while (used.some((each) => each >= port && each < port + PORT_STEP)) port += PORT_STEP;
  return port;
}

function fillTemplate(text: string, name: string, port: number): string {
  const camel = (kebab: string) => kebab.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const pascal = (kebab: string) => camel(`-${kebab}`);
  const snake = (kebab: string) => kebab.replaceAll('-', '_');
  const screaming = (kebab: string) => snake(kebab).toUpperCase();
  return [camel, pascal, snake, screaming, (kebab: string) => kebab]
    .reduce((filled, style) => filled.replaceAll(style(TEMPLATE_NAME), style(name)), text)
    .replaceAll(String(TEMPLATE_PORT), String(port));
}

/** Inserts a line after the last service; workers follow. */
function addLine(procfile: string, line: string): string {
  const lines = procfile.trimEnd().split('\n');
  const last = lines.findLastIndex((each) => each.includes('bun services/'));
  return `${lines.toSpliced(last < 0 ? lines.length : last + 1, 0, line).join('\n')}\n`;
}

function variablesOf(name: string): string {
  const prefix = name.replaceAll('-', '_').toUpperCase();
  return [
    `# --- ${name} ---`,
    `${prefix}_DB_NAME=rookery_${name.replaceAll('-', '_')}`,
    '# Full database URL, instead of the DB_ variables',
    `# ${prefix}_DATABASE_URL=mysql://user:password@host:3306/database`,
    '',
  ].join('\n');
}

function main([name = '']: string[]): number {
  let port: number;
  try {
    port = createService(ROOT, name);
  } catch (failure) {
    console.error(failure instanceof Error ? failure.message : failure);
    console.error('For example: make new name=bookmarks');
    return 2;
  }
  writeDeployment();
  // Line breaks depend on the length of the name.
  const format = Bun.spawnSync(
    [join(ROOT, 'node_modules', '.bin', 'biome'), ...['check', '--write', `services/${name}`]],
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  console.log(nextSteps(name, port));
  return format.exitCode;
}

function nextSteps(name: string, port: number): string {
  const folder = `services/${name}`;
  return `Created ${folder} on port ${port}, with its line in the Procfile and its variables in .env.example.

Next:
  make test t=${folder}
  make up, then open http://127.0.0.1:8080/${name} and http://127.0.0.1:8080/docs
  Edit ${folder}/schema.ts, and after each change:
    make migration name=${name} as=what-changed
  Add ${name} to the consumers of user.deleted in contracts/events/users.ts, so that it misses no event before its first start.`;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
