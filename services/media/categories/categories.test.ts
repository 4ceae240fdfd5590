import { afterAll, describe, expect, test } from 'bun:test';
import { startMedia } from '../../../tests/support/media';
import type { Category, CategoryTree } from './model';

const service = await startMedia();
afterAll(service.close);
const ada = await service.newPerson();

const create = async (title: string, parent_id: string | null = null) => {
  const { status, body } = await service.call('POST', '/categories', {
    authorization: ada,
    body: { title, parent_id },
  });
  expect(status).toBe(201);
  return body as unknown as Category;
};
const change = (id: string, body: object, authorization = ada) =>
  service.call('PATCH', `/categories/${id}`, { authorization, body });

describe('a category', () => {
  test.each([
    ['Photos & Videos', 'photos-videos'],
    ['Фотографии', 'фотографии'],
    ['日本の 写真', '日本の-写真'],
    ['صور', 'صور'],
    ['हिन्दी', 'हिन्दी'],
    ['🎉', 'category'],
  ])('titled %p has the slug %p', async (title, slug) => {
    expect((await create(title)).slug).toBe(slug);
  });

  test('has a unique slug among its siblings, also when created concurrently', async () => {
    const parent = await create('Trips');
    const created = await Promise.all(
      ['Été', 'été', 'ete', 'Ete!', 'ETE'].map((title) => create(title, parent.id)),
    );
    expect(created.map(({ slug }) => slug.normalize('NFKD').replaceAll(/\p{M}/gu, '')).toSorted()).toEqual([
      'ete',
      'ete-2',
      'ete-3',
      'ete-4',
      'ete-5',
    ]);
    expect((await create('Ete')).slug).toBe('ete');
  });

  test('has a slug that differs in a letter or an accent, which is no conflict', async () => {
    const parent = await create('Words');
    const titles = ['Sınır X', 'Sinir X', 'Ano', 'Año', 'か', 'が', 'ß', 'ss', 'Straße', 'Strasse'];
    const created = await Promise.all(titles.map((title) => create(title, parent.id)));
    expect(new Set(created.map(({ slug }) => slug)).size).toBe(titles.length);
    expect(created.map(({ title }) => title)).toEqual(titles);
    for (const { id } of created) expect((await change(id, { title: 'Sınır X' })).status).toBe(200);
  });

  test.each(['\u3164', 'a\u0000', 'a'.repeat(121)])('titled %j is refused', async (title) => {
    const { status } = await service.call('POST', '/categories', { authorization: ada, body: { title } });
    expect(status).toBe(422);
  });

  test('has a title of up to 120 characters, however many bytes they have', async () => {
    const title = '👨‍👩‍👧‍👦'.repeat(80);
    expect((await create(title)).title).toBe(title);
  });

  test('has its level and path updated when an ancestor moves', async () => {
    const animals = await create('Animals');
    const birds = await create('Birds', animals.id);
    const owls = await create('Owls', birds.id);
    expect(owls).toMatchObject({ level: 2, path: 'animals/birds/owls', parent_id: birds.id });
    const nature = await create('Nature');
    expect((await change(animals.id, { parent_id: nature.id, title: 'Fauna' })).body).toMatchObject({
      level: 1,
      slug: 'fauna',
    });
    const { body } = await service.call('GET', `/categories/${owls.id}`);
    expect(body).toMatchObject({ level: 3, path: 'nature/fauna/birds/owls' });
    const tree = (await service.call('GET', '/categories')).body.items as CategoryTree[];
    const found = tree.find(({ id }) => id === nature.id)?.children[0]?.children[0]?.children[0];
    expect(found?.id).toBe(owls.id);
    const flat = (await service.call('GET', '/categories?flat=true')).body.items as Category[];
    expect(flat.map(({ id }) => id)).toContain(owls.id);
  });

  test('never becomes its own ancestor, also under concurrent moves', async () => {
    const one = await create('One');
    const two = await create('Two', one.id);
    expect((await change(one.id, { parent_id: two.id })).body.code).toBe('category.cycle');
    expect((await change(one.id, { parent_id: one.id })).body.code).toBe('category.cycle');
    const [left, right] = [await create('Left'), await create('Right')];
    const moved = await Promise.all([
      change(left.id, { parent_id: right.id }),
      change(right.id, { parent_id: left.id }),
    ]);
    expect(moved.map(({ status }) => status).toSorted()).toEqual([200, 422]);
  });

  test('is changed and deleted by its creator, and deleted only without subcategories', async () => {
    const bob = await service.newPerson();
    const parent = await create('Parent');
    const child = await create('Child', parent.id);
    expect((await change(parent.id, { title: 'Mine' }, bob)).status).toBe(403);
    const remove = (id: string, authorization: string) =>
      service.call('DELETE', `/categories/${id}`, { authorization });
    expect((await remove(child.id, bob)).status).toBe(403);
    expect((await remove(parent.id, ada)).body.code).toBe('category.not-empty');
    expect((await remove(child.id, ada)).status).toBe(204);
    expect((await remove(parent.id, await service.newPerson(['files:manage']))).status).toBe(204);
    expect((await service.call('GET', `/categories/${parent.id}`)).status).toBe(404);
  });
});
