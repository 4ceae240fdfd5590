import { expect, test } from 'bun:test';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareContracts } from './accept-contracts';

const ROOT = join(import.meta.dir, '..');
const ACCEPTED = join(ROOT, 'contracts', 'accepted');
const CONTRACTS_MS = 60_000;

test(
  'the contracts break no client, and are the accepted ones (else run `make contracts`)',
  async () => {
    const { breaking, documents } = await compareContracts();
    expect(breaking).toEqual([]);
    for (const [file, text] of Object.entries(documents))
      expect([file, await Bun.file(join(ACCEPTED, file)).text()]).toEqual([file, text]);
  },
  CONTRACTS_MS,
);

test(
  'a change that breaks clients is found in OpenAPI and .proto, unless the version announces it',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rookery-contracts-'));
    try {
      await cp(ACCEPTED, folder, { recursive: true });
      // What was accepted had more than there is now.
      const users = await Bun.file(join(folder, 'users.json')).json();
      users.paths['/users/{username}/zodiac'] = users.paths['/users/{username}'];
      users.components.schemas.Profile.properties.zodiac = { type: 'string' };
      await Bun.write(join(folder, 'users.json'), JSON.stringify(users));
      const { breaking } = await compareContracts(folder);
      expect(breaking).toContain('users: GET /users/{username}/zodiac: removed');
      expect(breaking).toContain('users: GET /users/{username}: response 200.zodiac: removed');

      for (const file of ['accounts', 'users']) {
        const document = await Bun.file(join(folder, `${file}.json`)).json();
        document.info.version = '0.0.9';
        await Bun.write(join(folder, `${file}.json`), JSON.stringify(document));
      }
      expect((await compareContracts(folder)).breaking).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  CONTRACTS_MS,
);

test(
  'a change of a .proto file that breaks callers is found',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rookery-proto-'));
    try {
      await cp(join(ROOT, 'contracts', 'proto'), folder, { recursive: true });
      const file = join(folder, 'likes', 'v1', 'likes.proto');
      const text = await Bun.file(file).text();
      await Bun.write(file, text.replace(/string (\w+) = 1;/, 'int64 $1 = 1;'));
      expect((await compareContracts(ACCEPTED, folder)).breaking.join()).toContain('likes.proto');
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  CONTRACTS_MS,
);
