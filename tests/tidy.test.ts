import { describe, expect, test } from 'bun:test';
import { dirname, join } from 'node:path';
import { type Import, importsOf } from './support/imports';

const ROOT = join(import.meta.dir, '..');

/** What git knows or would add: the project as it is cloned, and what is about to be added. */
const files = Bun.spawnSync(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  .stdout.toString()
  .split('\n')
  .filter((file) => file !== '' && Bun.file(join(ROOT, file)).size > 0);
const GENERATED = /^contracts\/gen\/|^clients\/typescript\/lib\/|\/migrations\//;
const isGenerated = (file: string) => GENERATED.test(file);
const sources = files.filter((file) => /\.tsx?$/.test(file) && !isGenerated(file));
const isTest = (file: string) => file.endsWith('.test.ts') || file.startsWith('tests/');
/** What `make new` creates a service from: tested as it is, but no process of the system. */
const isTemplate = (file: string) => file.startsWith('scripts/service-template/');
const production = sources.filter((file) => !isTest(file) && !isTemplate(file) && !file.startsWith('bench/'));

const textOf = (file: string) => Bun.file(join(ROOT, file)).text();
const imports = (
  await Promise.all(production.map(async (file) => importsOf(file, await textOf(file))))
).flat();
const ownImports = imports.filter(({ isPackage }) => !isPackage);

/** The unit of the dependency rules: a service, a worker, or a top-level folder. */
function partOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'services' || top === 'workers' ? `${top}/${second}` : top;
}

/** The folder within a part, `''` for files at its top: `kit/http/server` is in `http`. */
function folderOf(path: string): string {
  const [, folder = '', ...rest] = path.split('/');
  return rest.length === 0 ? '' : folder;
}

const violations = (isAllowed: (imported: Import) => boolean, among: readonly Import[] = ownImports) =>
  among.filter((imported) => !isAllowed(imported)).map(({ from, to }) => `${from} imports ${to}`);

describe('dependencies between parts', () => {
  test('contracts import nothing but contracts', () => {
    expect(violations(({ from, to }) => partOf(from) !== 'contracts' || partOf(to) === 'contracts')).toEqual(
      [],
    );
  });

  test('kit imports nothing but kit, contracts and the version in package.json', () => {
    const allowed = (to: string) => ['kit', 'contracts'].includes(partOf(to)) || to === 'package.json';
    expect(violations(({ from, to }) => partOf(from) !== 'kit' || allowed(to))).toEqual([]);
  });

  test('services, workers, registry, gateway and infra import themselves, kit and contracts', () => {
    const isDeployable = (part: string) => /^(services|workers)\/|^(registry|gateway|infra)$/.test(part);
    const allowed = ({ from, to }: Import) => [partOf(from), 'kit', 'contracts'].includes(partOf(to));
    expect(violations((imported) => !isDeployable(partOf(imported.from)) || allowed(imported))).toEqual([]);
  });

  test('only scripts import from infra', () => {
    const allowed = ({ from, to }: Import) =>
      partOf(to) !== 'infra' || ['infra', 'scripts'].includes(partOf(from));
    expect(violations(allowed)).toEqual([]);
  });
});

describe('kit', () => {
  /** A file imports from its own folder and from lower floors only; the top stands on all of them. */
  const FLOORS = [
    ['errors', 'config', 'text'],
    ['core'],
    ['tracing', 'resilience', 'money'],
    ['mysql', 'redis', 'dynamodb', 'storage', 'registry'],
    ['messaging'],
    ['auth'],
    ['flags', 'grpc', 'http'],
    [''],
  ];
  const floorOf = (path: string) => FLOORS.findIndex((floor) => floor.includes(folderOf(path)));
  const inKit = ownImports.filter(({ from, to }) => partOf(from) === 'kit' && partOf(to) === 'kit');

  test('every folder has a floor', () => {
    const folders = production.filter((file) => partOf(file) === 'kit').map(folderOf);
    expect([...new Set(folders)].filter((folder) => !FLOORS.flat().includes(folder))).toEqual([]);
  });

  test('a folder imports from lower floors only', () => {
    const allowed = ({ from, to }: Import) => folderOf(from) === folderOf(to) || floorOf(to) < floorOf(from);
    expect(violations(allowed, inKit)).toEqual([]);
  });

  test('has at most 20 entries', () => {
    const entries = files.filter((file) => file.startsWith('kit/')).map((file) => file.split('/')[1]);
    expect(new Set(entries).size).toBeLessThanOrEqual(20);
  });
});

describe('the gateway', () => {
  /** Which folders a folder of the gateway imports, besides itself. Its top (main, index, settings) imports all. */
  const LAYERS: Readonly<Record<string, readonly string[]>> = {
    http1: [],
    model: ['http1'],
    transcoding: ['model'],
    routing: ['model', 'transcoding'],
    admission: ['http1', 'model', 'routing'],
    observability: ['model'],
    downstream: ['http1', 'model', 'routing', 'admission', 'observability'],
    upstream: ['http1', 'model', 'routing', 'downstream'],
    proxy: ['http1', 'model', 'admission', 'observability', 'downstream', 'upstream'],
    cluster: ['model', 'routing', 'observability'],
    pages: ['model', 'routing', 'transcoding', 'cluster'],
  };
  const isTestHelper = (file: string) => file.split('/').at(-1)?.startsWith('test-') === true;
  const inGateway = ownImports.filter(
    ({ from, to }) => partOf(from) === 'gateway' && partOf(to) === 'gateway' && !isTestHelper(from),
  );

  test('every folder has a layer', () => {
    const folders = production.filter((file) => partOf(file) === 'gateway').map(folderOf);
    expect([...new Set(folders)].filter((folder) => folder !== '' && !(folder in LAYERS))).toEqual([]);
  });

  test('a layer imports the layers below it only', () => {
    const allowed = ({ from, to }: Import) =>
      folderOf(from) === '' ||
      folderOf(from) === folderOf(to) ||
      LAYERS[folderOf(from)]?.includes(folderOf(to)) === true;
    expect(violations(allowed, inGateway)).toEqual([]);
  });

  test('admission decides and touches no socket', () => {
    const touches = (to: string) => ['downstream', 'upstream', 'proxy'].includes(folderOf(to));
    const allowed = ({ from, to }: Import) => folderOf(from) !== 'admission' || !touches(to);
    expect(violations(allowed, inGateway)).toEqual([]);
  });
});

describe('inside a service', () => {
  const nameOf = (path: string) =>
    path
      .split('/')
      .at(-1)
      ?.replace(/\.tsx?$/, '') ?? '';
  const inService = ownImports.filter(({ from }) => from.startsWith('services/'));
  const isOwn = ({ from, to }: Import) => partOf(from) === partOf(to);
  const isSqlSchema = (to: string) => to.startsWith('services/') && nameOf(to) === 'schema';

  /** `index`, `model` and `routes`, also those of one subject: `roles/routes`, `roles-model`. */
  const knowsElysia = (name: string) => name === 'index' || /^(.+-)?(model|routes)$/.test(name);

  test('only index, routes and models import Elysia', () => {
    const allowed = ({ from, to }: Import) => to !== 'elysia' || knowsElysia(nameOf(from));
    expect(
      violations(
        allowed,
        imports.filter(({ from }) => from.startsWith('services/')),
      ),
    ).toEqual([]);
  });

  test('routes, main and rules never reach around the use cases to the SQL tables', () => {
    const outside = (name: string) => knowsElysia(name) || ['main', 'rules'].includes(name);
    const allowed = ({ from, to }: Import) => !outside(nameOf(from)) || !isSqlSchema(to);
    expect(violations(allowed, inService)).toEqual([]);
  });

  test('rules decide and do nothing else: they import no store and no kit folder that does I/O', () => {
    const doesIo = (to: string) =>
      nameOf(to) === 'store' ||
      isSqlSchema(to) ||
      /^kit\/(mysql|redis|dynamodb|storage|registry|messaging|grpc)\//.test(to);
    const allowed = ({ from, to }: Import) => nameOf(from) !== 'rules' || !doesIo(to);
    expect(violations(allowed, inService)).toEqual([]);
  });

  test('deps is a leaf: it imports no use case, store or route of its own service', () => {
    const isLeaf = (to: string) =>
      !/^(.+-)?(index|main|routes|service|store|grpc|subscriptions)$/.test(nameOf(to));
    const allowed = (imported: Import) =>
      nameOf(imported.from) !== 'deps' || !isOwn(imported) || isLeaf(imported.to);
    expect(violations(allowed, inService)).toEqual([]);
  });
});

describe('import cycles', () => {
  /** Runs the lint rule of this project's biome.json over files of a project of its own. */
  function lintCycles(project: Record<string, string>): { exitCode: number; output: string } {
    const folder = Bun.spawnSync(['mktemp', '-d']).stdout.toString().trim();
    for (const [file, text] of Object.entries(project)) {
      Bun.spawnSync(['mkdir', '-p', dirname(join(folder, file))]);
      Bun.spawnSync(['tee', join(folder, file)], { stdin: Buffer.from(text) });
    }
    const { vcs: _, ...configuration } = JSON.parse(
      Bun.spawnSync(['cat', join(ROOT, 'biome.json')]).stdout.toString(),
    );
    Bun.spawnSync(['tee', join(folder, 'biome.json')], { stdin: Buffer.from(JSON.stringify(configuration)) });
    const { imports: aliases } = JSON.parse(
      Bun.spawnSync(['cat', join(ROOT, 'package.json')]).stdout.toString(),
    );
    Bun.spawnSync(['tee', join(folder, 'package.json')], {
      stdin: Buffer.from(JSON.stringify({ imports: aliases })),
    });
    const biome = join(ROOT, 'node_modules', '.bin', 'biome');
    const run = Bun.spawnSync([biome, 'lint', '.'], { cwd: folder });
    Bun.spawnSync(['rm', '-rf', folder]);
    return { exitCode: run.exitCode, output: run.stdout.toString() + run.stderr.toString() };
  }

  test('of types alone, through the aliases too, fail the lint check', () => {
    const cyclic = lintCycles({
      'kit/a/one.ts': "import type { Two } from '#kit/b/two';\nexport type One = { two: Two };\n",
      'kit/b/two.ts': "import type { One } from '../a/one';\nexport type Two = { one: One } | null;\n",
    });
    expect(cyclic.exitCode).not.toBe(0);
    expect(cyclic.output).toContain('noImportCycles');
    const acyclic = lintCycles({
      'kit/a/one.ts': "import type { Two } from '#kit/b/two';\nexport type One = { two: Two };\n",
      'kit/b/two.ts': 'export type Two = { one: null } | null;\n',
    });
    expect([acyclic.exitCode, acyclic.output.includes('noImportCycles')]).toEqual([0, false]);
  });

  test('the import scanner of these rules sees types, re-exports and import()', () => {
    const text = [
      "import type { A } from './a';",
      "import { type B } from '#kit/b';",
      "export type { C } from '../c';",
      "export * from './d';",
      "type E = typeof import('./e');",
      "const f = await import('./f');",
      "import 'package';",
    ].join('\n');
    expect(
      importsOf('kit/x/y.ts', text)
        .map(({ to }) => to)
        .sort(),
    ).toEqual(['kit/b', 'kit/c', 'kit/x/a', 'kit/x/d', 'kit/x/e', 'kit/x/f', 'package'].sort());
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
    expect([...named.keys()].sort()).toEqual(processes.map((folder) => processName(folder)).sort());
    for (const folder of processes) expect(named.get(processName(folder))).toContain(`bun ${folder}/main.ts`);
  });

  /** A worker that shares its name with a service has `-worker` added. */
  function processName(folder: string): string {
    const [kind = '', name = kind] = folder.split('/');
    return kind === 'workers' && folders.includes(`services/${name}`) ? `${name}-worker` : name;
  }
});

describe('the environment', () => {
  const field =
    /\b([A-Z][A-Z0-9_]+): (?:port|text|optionalText|optionalUrl|fraction|integer|flag|choice|url|urls|secret|tokenSecret|list|allowedHosts|registryToken|optionalFlag|developmentFlag|perMinute|origins|headerNames|requiredInProduction|publicUrl|redisUrl|serverUrls|hosts|optionalDatabaseUrl|optionalPassword|optionalSecret|optionalToken|accessKey|serviceKey|serviceKeys|filePath|addressList|paymentProvider|stripeSecretKey|stripeWebhookSecrets|stripeApiUrl|signInProviders)\(/g;

  test('is read in main.ts only, and each variable is described in .env.example', async () => {
    const declared = new Set<string>();
    for (const file of production) {
      const text = await textOf(file);
      for (const [, name] of text.matchAll(field)) if (name) declared.add(name);
      // The credentials of a server's URL.
      for (const [, prefix] of text.matchAll(/\bserverUrls?\([^)]*\bprefix: '(\w+)'/g))
        for (const part of ['USER', 'PASSWORD']) declared.add(`${prefix}_${part}`);
      for (const [, prefix] of text.matchAll(/\bredisUrl\([^)]*, '(\w+)'\)/g))
        for (const part of ['USER', 'PASSWORD']) declared.add(`${prefix}_${part}`);
    }
    const example = await textOf('.env.example');
    const described = new Set(
      [...example.matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name ?? ''),
    );
    expect([...declared].filter((name) => !described.has(name)).sort()).toEqual([]);
    expect([...described].filter((name) => !declared.has(name)).sort()).toEqual([]);
  });

  test('is touched by nothing else in services, workers and kit', async () => {
    /** A process that starts others of its kind passes its environment on. */
    const allowed = ['kit/config/environment.ts', 'gateway/cluster/supervisor.ts'];
    const touching: string[] = [];
    for (const file of production) {
      if (!/^(services|workers|kit|registry|gateway|contracts)\//.test(file) || allowed.includes(file))
        continue;
      if (/process\.env/.test(await textOf(file))) touching.push(file);
    }
    expect(touching).toEqual([]);
  });
});

test('addresses are written by kit/core/address: an IPv6 host needs brackets before its port', async () => {
  const byHand = /\$\{[^}]*host(?:name)?[^}]*\}:(?:\$\{|[0-9])/i;
  const found: string[] = [];
  for (const file of sources)
    if (file !== 'kit/core/address.ts' && byHand.test(await textOf(file))) found.push(file);
  expect(found).toEqual([]);
});

test('the AWS SDK is told to end requests that run into a timeout: by itself it only warns', async () => {
  const waiting: string[] = [];
  for (const file of production) {
    const text = await textOf(file);
    if (/\brequestTimeout:/.test(text) && !text.includes('throwOnRequestTimeout: true')) waiting.push(file);
  }
  expect(waiting).toEqual([]);
});

test('only kit/http/outbound calls addresses that strangers name; whoever else calls out has one that operators name', async () => {
  const CALLERS = [
    // Instances that the registry lists, whose hosts its address policy has checked.
    ...['kit/auth/verification-keys.ts', 'gateway/pages/documents.ts', 'gateway/upstream/connection.ts'],
    'registry/proof/probe.ts',
    // Servers of the configuration.
    ...['kit/registry/call.ts', 'kit/registry/follow.ts', 'kit/flags/source.ts'],
    ...['infra/probes.ts', 'kit/mysql/writer/pool.ts'],
    // A page's own script.
    'gateway/pages/start-page.ts',
    'kit/http/outbound/client.ts',
  ];
  /** Adapters of payment providers call the one API that they are for. */
  const isProvider = (file: string) => /^services\/payments\/(providers?\/|.*stripe)/.test(file);
  const calls = [
    /^(?!\s*(?:async )?fetch\(.*\{$).*(?<![.\w`])fetch\(/m,
    /\bBun\.connect\b/,
    /^import (?!type ).*\b(?:request|get|Agent|connect|createConnection)\b.* from '(?:node:)?(?:https?|http2|net|tls)'/m,
    /from '(?:undici|axios|got|node-fetch|ky)'/,
  ];
  const calling: string[] = [];
  for (const file of production) {
    if (!/^(kit|registry|gateway|services|workers|contracts|infra|migrate)\//.test(file)) continue;
    if (file.split('/').at(-1)?.startsWith('test-') || isProvider(file)) continue;
    const text = (await textOf(file)).replaceAll(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    if (calls.some((call) => call.test(text))) calling.push(file);
  }
  expect(calling.sort()).toEqual(CALLERS.sort());
});

test('usernames are compared by usernameKey alone: only A to Z are equal in upper and lower case', async () => {
  const found: string[] = [];
  for (const file of production.filter((path) => /^(services|workers)\//.test(path)))
    if (/\b(?:user)?names?\.toLowerCase\(\)/i.test(await textOf(file))) found.push(file);
  expect(found).toEqual([]);
});

test('the body of a request that a route streams is left unread by kit alone, so that it has a share', async () => {
  const parsing: string[] = [];
  for (const file of production.filter((path) => /^(services|workers)\/.*(?:index|routes)\.tsx?$/.test(path)))
    if (/^\s*parse: (?!leaveUnread\b)/m.test(await textOf(file))) parsing.push(file);
  expect(parsing).toEqual([]);
});

describe('the text', () => {
  test('sources with JSX say whose it is: Bun reads the setting of the folder that a process is started in', async () => {
    const silent: string[] = [];
    for (const file of sources.filter((path) => path.endsWith('.tsx')))
      if (!(await textOf(file)).startsWith('/** @jsxImportSource preact */\n')) silent.push(file);
    expect(silent).toEqual([]);
  });

  const MAX_FILE_LINES = 300;
  const MAX_FOLDER_FILES = 25;

  test('no source file is too long', async () => {
    const long: string[] = [];
    for (const file of production) {
      const lines = (await textOf(file)).split('\n').length;
      if (lines > MAX_FILE_LINES) long.push(`${file}: ${lines} lines`);
    }
    expect(long).toEqual([]);
  });

  test('no folder has too many source files beside each other', () => {
    const counts = Map.groupBy(production, dirname);
    const full = [...counts].filter(([, inFolder]) => inFolder.length > MAX_FOLDER_FILES);
    expect(full.map(([folder, inFolder]) => `${folder}: ${inFolder.length} files`)).toEqual([]);
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

  test('no test has a bound that a slow machine exceeds', async () => {
    const MIN_BOUND_MS = 30_000;
    const bounds = [
      /\beventually\(.*, ([\d_]{4,})\)/g,
      /\bsetDefaultTimeout\(([\d_]+)\)/g,
      /^ *\}, ([\d_]+)\);$/gm,
    ];
    const short: string[] = [];
    for (const file of sources.filter((path) => isTest(path) && path !== 'tests/tidy.test.ts')) {
      const text = await textOf(file);
      for (const [found, digits = ''] of bounds.flatMap((pattern) => [...text.matchAll(pattern)])) {
        const ms = Number(digits.replaceAll('_', ''));
        // Up to a second: an interval, no bound.
        const isInterval = found.trimStart().startsWith('}') && ms <= 1_000;
        if (ms < MIN_BOUND_MS && !isInterval) short.push(`${file}: ${found.trim()}`);
      }
    }
    expect(short).toEqual([]);
  });

  test('event streams begin in one place only, which charges them to an owner and never runs them for HEAD', async () => {
    const starting: string[] = [];
    for (const file of production)
      if (/'?content-type'?: 'text\/event-stream/i.test(await textOf(file))) starting.push(file);
    expect(starting).toEqual(['kit/http/streams/event-stream-response.ts']);
  });

  test('WebSockets begin in chat only, which takes a place for each', async () => {
    const starting: string[] = [];
    for (const file of production)
      if (/\bupgradeToWebSocket\(|\.upgrade\(request/.test(await textOf(file))) starting.push(file);
    expect(starting).toEqual(['kit/http/streams/websockets.ts', 'services/chat/connections/routes.ts']);
    expect(await textOf('services/chat/connections/handshake.ts')).toContain(
      'withConnectionLimit(events, deps.shares',
    );
  });

  test('file names are kebab-case', () => {
    expect(
      sources.filter((file) => !/^[a-z0-9]+([.-][a-z0-9]+)*\.tsx?$/.test(file.split('/').at(-1) ?? '')),
    ).toEqual([]);
  });

  test('what kit and contracts export is documented', async () => {
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
      ([, version]) => !/^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/.test(String(version)),
    );
    expect(loose).toEqual([]);
  });
});
