import { cpSync, existsSync, globSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDeployment } from './deployment';
import { parseProcfile } from './procfile';

const ROOT = join(import.meta.dir, '..');
/** A service like any other, checked and tested with the rest; its name is what is replaced. */
const TEMPLATE = join(ROOT, 'scripts', 'service-template');
const TEMPLATE_NAME = 'example-items';
const TEMPLATE_PORT = 6999;
/** Below are the services of the project itself; gRPC takes the port 50 above. */
const FIRST_PORT = 6500;
const PORT_STEP = 100;
/** It becomes part of a database's name, of a path and of a container's. */
const LONGEST_NAME = 24;
const RESERVED = new Set([
  ...['api', 'docs', 'openapi', 'health', 'healthz', 'readyz', 'metrics', 'status', 'services', 'workers'],
  ...['infra', 'kit', 'contracts', 'scripts', 'tests', TEMPLATE_NAME],
]);

/**
 * Writes a new service from the template: its folder, its line in the Procfile, its variables in `.env.example`.
 *
 * @param root of the project
 * @returns the port it got
 * @throws with what is wrong with the name, before anything is written
 */
export function createService(root: string, name: string): number {
  const problem = problemWithName(root, name);
  if (problem !== undefined) throw new Error(problem);
  const folder = join(root, 'services', name);
  const procfile = readFileSync(join(root, 'Procfile'), 'utf8');
  const port = freePort(procfile);
  cpSync(TEMPLATE, folder, { recursive: true });
  renameSync(join(folder, `${TEMPLATE_NAME}.test.ts`), join(folder, `${name}.test.ts`));
  for (const file of readdirSync(folder).filter((each) => each.endsWith('.ts'))) {
    const path = join(folder, file);
    writeFileSync(path, fillIn(readFileSync(path, 'utf8'), name, port));
  }
  writeFileSync(
    join(root, 'Procfile'),
    addLine(procfile, `${name}: env PORT=${port} bun services/${name}/main.ts`),
  );
  const environment = join(root, '.env.example');
  writeFileSync(environment, `${readFileSync(environment, 'utf8').trimEnd()}\n\n${variablesOf(name)}`);
  return port;
}

/** @returns one sentence, or undefined when a service may be called so */
export function problemWithName(root: string, name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length < 3 || name.length > LONGEST_NAME)
    return `A name is 3 to ${LONGEST_NAME} lower-case letters and digits, words joined by "-", like reading-list`;
  if (RESERVED.has(name)) return `${name} means something else already`;
  if (existsSync(join(root, 'services', name))) return `There is a service ${name} already`;
  const processes = parseProcfile(readFileSync(join(root, 'Procfile'), 'utf8'));
  if (processes.some((process) => process.name === name))
    return `There is a process ${name} in the Procfile already`;
  const claims = new RegExp(`['"\`]/${name}['"\`/]`);
  const owner = globSync('services/*/index.ts', { cwd: root }).find((file) =>
    claims.test(readFileSync(join(root, file), 'utf8')),
  );
  return owner === undefined ? undefined : `The path /${name} is answered by ${owner} already`;
}

/** The first port with a hundred of its own, as every service has. */
function freePort(procfile: string): number {
  const used = [...procfile.matchAll(/\bPORT=(\d+)/g)].map(([, port]) => Number(port));
  let port = FIRST_PORT;
  while (used.some((each) => each >= port && each < port + PORT_STEP)) port += PORT_STEP;
  return port;
}

function fillIn(text: string, name: string, port: number): string {
  const camel = (kebab: string) => kebab.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const pascal = (kebab: string) => camel(`-${kebab}`);
  const snake = (kebab: string) => kebab.replaceAll('-', '_');
  const screaming = (kebab: string) => snake(kebab).toUpperCase();
  return [camel, pascal, snake, screaming, (kebab: string) => kebab]
    .reduce((filled, style) => filled.replaceAll(style(TEMPLATE_NAME), style(name)), text)
    .replaceAll(String(TEMPLATE_PORT), String(port));
}

/** Behind the last service: workers come after those. */
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
    '# Whole address of the database, instead of the DB_ variables',
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
  // Names differ in length, and so does where lines break.
  const format = Bun.spawnSync(
    [join(ROOT, 'node_modules', '.bin', 'biome'), ...['check', '--write', `services/${name}`]],
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  console.log(nextSteps(name, port));
  return format.exitCode;
}

function nextSteps(name: string, port: number): string {
  const folder = `services/${name}`;
  return `${folder} is there, on port ${port}, with a line in the Procfile and its variables in .env.example.

Next:
  make test t=${folder}
  make up, then http://127.0.0.1:8080/${name} and, in the docs, http://127.0.0.1:8080/docs
  Change ${folder}/schema.ts to what it really keeps, and after each change:
    make migration name=${name} as=what-changed
  Name it among the consumers of user.deleted in contracts/events/users.ts: then it misses none, even before its first start.`;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
