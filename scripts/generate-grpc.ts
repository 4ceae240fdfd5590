import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseProcfile } from './processes/procfile';

const ROOT = join(import.meta.dir, '..');
const PROTO = join(ROOT, 'contracts/proto');

/** Generates each message as a TypeScript type with an encoder, and each service as a value that kit reads. */
const PLUGIN_OPTIONS = [
  'env=node',
  'esModuleInterop=true',
  'exportCommonSymbols=false',
  'forceLong=string',
  'oneof=unions-value',
  'outputJsonMethods=false',
  'outputPartialMethods=false',
  'outputServices=generic-definitions',
  'snakeToCamel=false',
  'stringEnums=true',
  'useExactTypes=false',
];

/**
 * Lints the `.proto` files and generates types, encoders and descriptors. Works offline.
 *
 * @param folder the output folder; its content is replaced
 * @throws with buf's findings when a file does not compile or violates a rule of its STANDARD set; when a method does not
 *   say who may call it
 */
export async function generateGrpc(folder: string): Promise<void> {
  await buf('lint', PROTO);
  await requireCallers();
  await rm(folder, { recursive: true, force: true });
  const plugin = [process.execPath, join(ROOT, 'node_modules/ts-proto/protoc-gen-ts_proto')];
  const template = { version: 'v2', plugins: [{ local: plugin, out: folder, opt: PLUGIN_OPTIONS }] };
  await buf('generate', PROTO, '--template', JSON.stringify(template));
  // The plugin generates every import too; only the annotations use this one.
  await rm(join(folder, 'google/protobuf'), { recursive: true });
  // Served to clients by gRPC reflection.
  const descriptors = join(folder, 'descriptors.binpb');
  await buf('build', PROTO, '--as-file-descriptor-set', '--exclude-source-info', '--output', descriptors);
}

/** Called without credentials: by tools and orchestrators, and by the registry. */
const FOR_ANYBODY = ['grpc/', 'registry/'];

/** Every method has the option `rookery.v1.callers`, and every caller is a process of the Procfile. */
async function requireCallers(): Promise<void> {
  const processes = parseProcfile(await Bun.file(join(ROOT, 'Procfile')).text()).map(({ name }) => name);
  const known = new Set(['*', ...processes]);
  const problems: string[] = [];
  for (const file of await readdir(PROTO, { recursive: true })) {
    if (!file.endsWith('.proto') || FOR_ANYBODY.some((folder) => file.startsWith(folder))) continue;
    for (const { method, callers } of callersIn(await Bun.file(join(PROTO, file)).text())) {
      if (callers.length === 0) problems.push(`${file}: ${method} has no option (rookery.v1.callers)`);
      for (const caller of callers)
        if (!known.has(caller)) problems.push(`${file}: ${method} names ${caller}, which is no process`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/** The methods of a `.proto` file, each with its `rookery.v1.callers`. Options precede the next method and the messages. */
export function callersIn(proto: string): { method: string; callers: string[] }[] {
  const methods: { method: string; callers: string[] }[] = [];
  for (const line of proto.split('\n')) {
    const [, method] = /^ {2}rpc (\w+)/.exec(line) ?? [];
    if (method !== undefined) methods.push({ method, callers: [] });
    const [, caller] = /^ {4}option \(rookery\.v1\.callers\) = "([^"]*)";/.exec(line) ?? [];
    if (caller !== undefined) methods.at(-1)?.callers.push(caller);
  }
  return methods;
}

/**
 * Runs buf.
 *
 * @throws with its output when it fails
 */
export async function buf(...command: string[]): Promise<void> {
  const child = Bun.spawn([process.execPath, join(ROOT, 'node_modules/@bufbuild/buf/bin/buf'), ...command], {
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 60_000,
  });
  const [output, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new Error(`buf ${command[0]} failed:\n${output}${errors}`);
}

if (import.meta.main) {
  const folder = join(ROOT, 'contracts/gen');
  await generateGrpc(folder);
  console.log(
    `Wrote ${(await readdir(folder, { recursive: true })).length} files and folders to contracts/gen`,
  );
}
