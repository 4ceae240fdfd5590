import { afterAll, expect, test } from 'bun:test';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateGrpc } from './generate-grpc';

const fresh = await mkdtemp(join(tmpdir(), 'rookery-grpc-'));
afterAll(() => rm(fresh, { recursive: true }));

test('the committed gRPC code matches the .proto files (else run `bun scripts/generate-grpc.ts`)', async () => {
  await generateGrpc(fresh);
  expect(await contentsOf(join(import.meta.dir, '../contracts/gen'))).toEqual(await contentsOf(fresh));
}, 60_000);

async function contentsOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(
    files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'base64')]),
  );
  return Object.fromEntries(contents.sort());
}
