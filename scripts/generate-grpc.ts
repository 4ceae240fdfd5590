import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const PROTO = join(ROOT, 'contracts/proto');

/** Every message as a TypeScript type with its own encoder, and every service as a value that kit reads. */
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
 * Checks the `.proto` files and writes types, encoders and descriptors made from them. Works without a network.
 *
 * @param folder where to write; its earlier content is removed
 * @throws with the findings when a file does not compile or breaks a rule of buf's STANDARD set
 */
export async function generateGrpc(folder: string): Promise<void> {
  await buf('lint', PROTO);
  await rm(folder, { recursive: true, force: true });
  const plugin = [process.execPath, join(ROOT, 'node_modules/ts-proto/protoc-gen-ts_proto')];
  const template = { version: 'v2', plugins: [{ local: plugin, out: folder, opt: PLUGIN_OPTIONS }] };
  await buf('generate', PROTO, '--template', JSON.stringify(template));
  // The plugin writes every import too; only the annotation's own file needs this one.
  await rm(join(folder, 'google/protobuf'), { recursive: true });
  // What reflection answers foreign clients with.
  const descriptors = join(folder, 'descriptors.binpb');
  await buf('build', PROTO, '--as-file-descriptor-set', '--exclude-source-info', '--output', descriptors);
}

async function buf(...command: string[]): Promise<void> {
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
    `${(await readdir(folder, { recursive: true })).length} files and folders written to contracts/gen`,
  );
}
