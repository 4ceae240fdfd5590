import { afterAll, expect, test } from 'bun:test';
import { startMedia } from '../../tests/support/media';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { mediaPortability } from './portability';

const [before, after] = await Promise.all([startMedia(), startMedia()]);
afterAll(() => Promise.all([before.close(), after.close()]));
const service = mediaPortability(after.deps);
const svg = (text: string) => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><!-- ${text} --></svg>`);

async function person() {
  const id = Bun.randomUUIDv7();
  const authorize = (system: typeof before) => system.tokens.authorization({ id, username: 'ada' });
  return {
    id,
    authorization: await authorize(before),
    afterwards: { authorization: await authorize(after) },
  };
}
/** As the archives worker does before it imports a record. */
async function moveBytes(exported: Awaited<ReturnType<typeof exportAll>>) {
  for (const { file } of exported.files ?? []) {
    if (file === undefined) throw new Error('a record without its file');
    const received = await after.storage.receive(await before.storage.read(file.sha256), {
      maximumBytes: 1e6,
    });
    await received.keep();
    await received.discard();
  }
}

test('files, their categories and tags are the same after an export and an import', async () => {
  const ada = await person();
  const category = (
    await before.call('POST', '/categories', { ...ada, body: { title: 'Été', parent_id: null } })
  ).body;
  const fields = { category_id: String(category.id), file_tags: 'año,ano', visibility: 'public' };
  const one = await (
    await before.upload(ada.authorization, svg('one'), { name: 'Ünï 🪶.svg', fields })
  ).json();
  const two = await (await before.upload(ada.authorization, svg('two'), { name: 'two.svg' })).json();
  await before.upload(ada.authorization, svg('three'), {
    name: 'three.svg',
    path: `/files/${two.id}/versions`,
  });
  const exported = await exportAll(mediaPortability(before.deps), ada.id);
  const records = recordsIn(exported);
  expect(records['old-versions']).toMatchObject([{ file_id: two.id, version: 1, checksum: two.checksum }]);
  await moveBytes(exported);
  expect(await importAll(service, ada.id, exported)).toEqual({
    categories: { imported: 1 },
    files: { imported: 2 },
  });
  const answer = async (system: typeof before, path: string) => {
    const {
      url_expires_at: _,
      url: __,
      version: ___,
      ...rest
    } = (await system.call('GET', path, system === before ? ada : ada.afterwards)).body;
    return rest;
  };
  for (const path of [`/files/${one.id}`, `/files/${two.id}`, `/categories/${category.id}`])
    expect(await answer(after, path)).toEqual(await answer(before, path));
  const content = await fetch(`${after.url}/files/${one.id}/content`, { headers: ada.afterwards });
  expect(Buffer.from(await content.arrayBuffer())).toEqual(svg('one'));
  expect(await importAll(service, ada.id, exported)).toEqual({
    categories: { exists: 1 },
    files: { exists: 2 },
  });
  const bob = await person();
  expect(await importAll(service, bob.id, exported)).toEqual({
    categories: { 'id.taken': 1 },
    files: { 'id.taken': 2 },
  });
});

test('a file that could not have been uploaded is skipped', async () => {
  const ada = await person();
  await before.upload(ada.authorization, svg('four'), { name: 'four.svg' });
  const exported = await exportAll(mediaPortability(before.deps), ada.id);
  await moveBytes(exported);
  const [good] = exported.files ?? [];
  if (good === undefined) throw new Error('nothing was exported');
  const text = await after.storage.receive(new Blob(['#!/bin/sh']).stream(), { maximumBytes: 100 });
  await text.keep();
  await text.discard();
  const changed = (change: object, file = good.file) => ({
    files: [{ json: JSON.stringify({ ...JSON.parse(good.json), ...change }), file }],
  });
  const script = { sha256: text.sha256, size: text.size, name: 'content' };
  for (const [record, code] of [
    [changed({}, script), 'file.type-not-allowed'],
    [changed({ file_name: 'four.exe' }), 'file.type-mismatch'],
    [changed({ bucket_name: '../etc' }), 'record.invalid'],
    [changed({ updated_at: '2999-01-01T00:00:00.000Z' }), 'record.invalid'],
    [{ files: [{ json: good.json, file: undefined }] }, 'record.invalid'],
  ] as const)
    expect((await importAll(service, ada.id, record)).files).toEqual({ [code]: 1 });
  expect((await after.call('GET', '/files?owner=me', ada.afterwards)).body.items).toEqual([]);
});
