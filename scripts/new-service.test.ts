import { afterAll, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createService, nameError } from './new-service';

const roots: string[] = [];
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rookery-new-service-'));
  roots.push(root);
  mkdirSync(join(root, 'services', 'users'), { recursive: true });
  mkdirSync(join(root, 'services', 'users', 'sessions'));
  writeFileSync(join(root, 'services/users/index.ts'), "app.get('/login', login)");
  writeFileSync(join(root, 'services/users/sessions/routes.ts'), "app.get('/sessions/:id', read)");
  writeFileSync(
    join(root, 'Procfile'),
    'users: env PORT=5100 bun services/users/main.ts\nposts: env PORT=7101 bun workers/posts/main.ts\n',
  );
  writeFileSync(join(root, '.env.example'), 'HOST=127.0.0.1\n');
});

afterAll(() => {
  for (const each of roots) rmSync(each, { recursive: true });
});

const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('a name that is not valid as a path, a database and a variable is rejected', () => {
  for (const name of [
    '',
    'ab',
    'Bookmarks',
    'book_marks',
    '-books',
    'books-',
    'a--b',
    '../x',
    'a'.repeat(25),
  ])
    expect(nameError(root, name)).toContain('lower-case');
});

test('a name that is taken by a service, a process, a path or the project is rejected', () => {
  expect(nameError(root, 'users')).toContain('service users');
  expect(nameError(root, 'posts')).toContain('Procfile');
  expect(nameError(root, 'login')).toContain('services/users/index.ts');
  expect(nameError(root, 'sessions')).toContain('services/users/sessions/routes.ts');
  expect(nameError(root, 'metrics')).toContain('reserved');
  expect(nameError(root, 'reading-list')).toBeUndefined();
});

test('a rejected name changes nothing', () => {
  expect(() => createService(root, 'users')).toThrow('already');
  expect(readdirSync(join(root, 'services'))).toEqual(['users']);
  expect(read('Procfile')).not.toContain('6500');
});

test('the template’s name is replaced everywhere in a new service', () => {
  createService(root, 'reading-list');
  const files = readdirSync(join(root, 'services/reading-list'));
  expect(files).toContain('reading-list.test.ts');
  expect(files).toContain('migrations');
  expect(files).toContain('deps.ts');
  for (const file of files.filter((each) => each.endsWith('.ts')))
    expect(read(`services/reading-list/${file}`)).not.toMatch(/example[-_]?items/i);
  expect(read('services/reading-list/main.ts')).toContain("import { readingList } from '.'");
  expect(read('services/reading-list/index.ts')).toContain("'/reading-list/:id'");
});

test('a new service is added to the Procfile and .env.example, on a free port', () => {
  expect(createService(root, 'bookmarks')).toBe(6500);
  expect(createService(root, 'reading-list')).toBe(6600);
  expect(read('Procfile').split('\n').slice(0, 4)).toEqual([
    'users: env PORT=5100 bun services/users/main.ts',
    'bookmarks: env PORT=6500 IDENTITY_FILE=.data/development/identities/bookmarks.env bun services/bookmarks/main.ts',
    'reading-list: env PORT=6600 IDENTITY_FILE=.data/development/identities/reading-list.env bun services/reading-list/main.ts',
    'posts: env PORT=7101 bun workers/posts/main.ts',
  ]);
  expect(read('services/reading-list/main.ts')).toContain('serviceFields(6600)');
  expect(read('.env.example')).toContain('READING_LIST_DB_NAME=rookery_reading_list\n');
});
