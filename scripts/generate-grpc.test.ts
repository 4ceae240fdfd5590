import { afterAll, expect, test } from 'bun:test';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callersIn, generateGrpc } from './generate-grpc';

const fresh = await mkdtemp(join(tmpdir(), 'rookery-grpc-'));
afterAll(() => rm(fresh, { recursive: true }));

test('the committed gRPC code matches the .proto files (else run `bun scripts/generate-grpc.ts`)', async () => {
  await generateGrpc(fresh);
  expect(await contentsOf(join(import.meta.dir, '../contracts/gen'))).toEqual(await contentsOf(fresh));
}, 60_000);

test('a method without the option names no callers', () => {
  const proto = [
    'service Things {',
    '  rpc Get(GetRequest) returns (GetResponse) {',
    '    option (rookery.v1.callers) = "likes";',
    '    option (rookery.v1.callers) = "users";',
    '  }',
    '  rpc Remove(RemoveRequest) returns (RemoveResponse);',
    '}',
  ];
  expect(callersIn(proto.join('\n'))).toEqual([
    { method: 'Get', callers: ['likes', 'users'] },
    { method: 'Remove', callers: [] },
  ]);
});

async function contentsOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(
    files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'base64')]),
  );
  return Object.fromEntries(contents.sort());
}
