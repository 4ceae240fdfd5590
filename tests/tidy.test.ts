import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const scanner = new Bun.Transpiler({ loader: 'ts' });

/** What git knows or would take: the project as it is cloned, and what is about to be added. */
const files = Bun.spawnSync(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  .stdout.toString()
  .split('\n')
  .filter((file) => file !== '' && Bun.file(join(ROOT, file)).size > 0);
const generated = (file: string) => file.startsWith('contracts/gen/') || file.includes('/migrations/');
const sources = files.filter((file) => file.endsWith('.ts') && !generated(file));
const isTest = (file: string) => file.endsWith('.test.ts') || file.startsWith('tests/');
/** What `make new` makes a service from: tested as it is, but no process of the system. */
const isTemplate = (file: string) => file.startsWith('scripts/service-template/');
const production = sources.filter((file) => !isTest(file) && !isTemplate(file) && !file.startsWith('bench/'));

const textOf = (file: string) => Bun.file(join(ROOT, file)).text();

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Imports of this project's own files, as paths from the root; types are dropped by the scanner. */
async function importsOf(file: string): Promise<Import[]> {
  const own: Import[] = [];
  for (const { path } of scanner.scanImports(await textOf(file))) {
    const to = path.startsWith('#')
      ? path.slice(1)
      : path.startsWith('.')
        ? join(file, '..', path)
        : undefined;
    if (to !== undefined) own.push({ from: file, to });
  }
  return own;
}

const imports = (await Promise.all(production.map(importsOf))).flat();

/** The folder that counts for the rules: a service or a worker, or a top-level folder. */
function partOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'services' || top === 'workers' ? `${top}/${second}` : top;
}

const broken = (rule: (imported: Import) => boolean) =>
  imports.filter((imported) => !rule(imported)).map(({ from, to }) => `${from} imports ${to}`);

describe('who may import whom', () => {
  test('contracts import nothing but contracts', () => {
    expect(broken(({ from, to }) => partOf(from) !== 'contracts' || partOf(to) === 'contracts')).toEqual([]);
  });

  test('kit imports nothing but kit, contracts and the version in package.json', () => {
    const allowed = (to: string) => ['kit', 'contracts'].includes(partOf(to)) || to === 'package.json';
    expect(broken(({ from, to }) => partOf(from) !== 'kit' || allowed(to))).toEqual([]);
  });

  test('services, workers, registry, gateway and infra import themselves, kit and contracts', () => {
    const houses = (part: string) => /^(services|workers)\/|^(registry|gateway|infra)$/.test(part);
    const allowed = ({ from, to }: Import) => [partOf(from), 'kit', 'contracts'].includes(partOf(to));
    expect(broken((imported) => !houses(partOf(imported.from)) || allowed(imported))).toEqual([]);
  });

  test('only scripts read what infra starts', () => {
    expect(
      broken(({ from, to }) => partOf(to) !== 'infra' || ['infra', 'scripts'].includes(partOf(from))),
    ).toEqual([]);
  });
});

describe('inside a service', () => {
  const nameOf = (path: string) => path.split('/').at(-1)?.replace(/\.ts$/, '') ?? '';
  const inService = imports.filter(({ from }) => from.startsWith('services/'));

  /** `index`, `model`, and where they have grown too long their parts: `roles-routes`, `roles-model`. */
  const knowsElysia = (name: string) => name === 'index' || /^(.+-)?(model|routes)$/.test(name);

  test('only index, routes and models know Elysia', async () => {
    const knowing: string[] = [];
    for (const file of production.filter((path) => path.startsWith('services/'))) {
      const paths = scanner.scanImports(await textOf(file)).map(({ path }) => path);
      if (paths.some((path) => path === 'elysia') && !knowsElysia(nameOf(file))) knowing.push(file);
    }
    expect(knowing).toEqual([]);
  });

  test('routes, gRPC and main never reach around the use cases into SQL tables', () => {
    const outside = (name: string) => knowsElysia(name) || ['main', 'rules'].includes(name);
    expect(
      inService
        .filter(({ from, to }) => outside(nameOf(from)) && nameOf(to) === 'schema')
        .map(({ from, to }) => `${from} imports ${to}`),
    ).toEqual([]);
  });

  test('rules decide and do nothing else: they import no store, no kit that talks to servers', () => {
    const servers = /\/(mysql|redis|rabbit|beanstalkd|dynamodb|outbox|grpc-client|store|schema)$/;
    expect(
      inService
        .filter(({ from, to }) => nameOf(from) === 'rules' && servers.test(to))
        .map(({ from, to }) => `${from} imports ${to}`),
    ).toEqual([]);
  });
});

describe('every process', () => {
  const procfile = files.includes('Procfile');
  const folders = [
    ...new Set(production.filter((file) => file.endsWith('/main.ts')).map((file) => file.slice(0, -8))),
  ];

  test('has a line of its name in the Procfile, and every line a folder', async () => {
    expect(procfile).toBe(true);
    const lines = (await textOf('Procfile')).split('\n').filter((line) => line.trim() !== '');
    const named = new Map(lines.map((line) => [line.split(':')[0] ?? '', line]));
    const processes = folders.filter((folder) =>
      /^(registry|gateway|infra|services\/.*|workers\/.*)$/.test(folder),
    );
    expect([...named.keys()].sort()).toEqual(processes.map((folder) => nameOfFolder(folder)).sort());
    for (const folder of processes)
      expect(named.get(nameOfFolder(folder))).toContain(`bun ${folder}/main.ts`);
  });

  /** A worker that goes with a service of its name is told from it by its last word. */
  function nameOfFolder(folder: string): string {
    const [kind = '', name = kind] = folder.split('/');
    return kind === 'workers' && folders.includes(`services/${name}`) ? `${name}-worker` : name;
  }
});

describe('the environment', () => {
  const field =
    /\b([A-Z][A-Z0-9_]+): (?:port|text|optionalText|optionalUrl|fraction|integer|flag|choice|url|urls|secret|list|allowedHosts|registrationToken|perMinute|origins|headerNames)\(/g;

  test('is read in main.ts only, and each variable is described in .env.example', async () => {
    const declared = new Set<string>();
    for (const file of production)
      for (const [, name] of (await textOf(file)).matchAll(field)) if (name) declared.add(name);
    const example = await textOf('.env.example');
    const described = new Set(
      [...example.matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name ?? ''),
    );
    expect([...declared].filter((name) => !described.has(name)).sort()).toEqual([]);
    expect([...described].filter((name) => !declared.has(name)).sort()).toEqual([]);
  });

  test('is touched by nothing else in services, workers and kit', async () => {
    const touching: string[] = [];
    for (const file of production) {
      if (!/^(services|workers|kit|registry|gateway|contracts)\//.test(file) || file === 'kit/env.ts')
        continue;
      // A process that starts others of its kind hands its environment on as it is.
      if (file === 'gateway/cluster/supervisor.ts') continue;
      if (/process\.env/.test(await textOf(file))) touching.push(file);
    }
    expect(touching).toEqual([]);
  });
});

describe('the text', () => {
  const LONGEST_FILE = 300;

  test('no source file is longer than a reader can hold', async () => {
    const long: string[] = [];
    for (const file of production) {
      const lines = (await textOf(file)).split('\n').length;
      if (lines > LONGEST_FILE) long.push(`${file}: ${lines} lines`);
    }
    expect(long).toEqual([]);
  });

  test('nothing is left for later, switched off or skipped', async () => {
    const marks = new RegExp(
      ['TO' + 'DO', 'FIX' + 'ME', '@ts-' + 'ignore', '@ts-' + 'nocheck', 'biome-' + 'ignore'].join('|'),
    );
    const skipping = /\b(test|describe|it)\.(skip|todo|only)\b/;
    const found: string[] = [];
    for (const file of sources) {
      const text = await textOf(file);
      if (marks.test(text) || (isTest(file) && file !== 'tests/tidy.test.ts' && skipping.test(text)))
        found.push(file);
    }
    expect(found).toEqual([]);
  });

  test('file names are kebab-case', () => {
    expect(
      sources.filter((file) => !/^[a-z0-9]+([.-][a-z0-9]+)*\.ts$/.test(file.split('/').at(-1) ?? '')),
    ).toEqual([]);
  });

  test('what kit and contracts offer is documented', async () => {
    const bare: string[] = [];
    for (const file of production.filter((path) => /^(kit|contracts)\//.test(path))) {
      const lines = (await textOf(file)).split('\n');
      lines.forEach((line, index) => {
        const exported = /^export (?:async )?function (\w+)/.exec(line);
        if (exported && !lines[index - 1]?.trim().endsWith('*/')) bare.push(`${file}: ${exported[1]}`);
      });
    }
    expect(bare).toEqual([]);
  });

  test('packages are pinned to exact versions', async () => {
    const { dependencies, devDependencies } = JSON.parse(await textOf('package.json'));
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)),
    );
    expect(loose).toEqual([]);
  });
});
