import { beforeAll, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';
import { type Client, join, request } from '../support/client';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const START_MS = 240_000;
let system: System;
let ada: Client;

const anonymous = (path: string) => request(system.url, 'GET', path);
const pathOf = (answer: { headers: Headers }) => answer.headers.get('location') ?? '';

beforeAll(async () => {
  system = await sharedSystem();
  await eventually(async () => {
    for (const path of ['/videos', '/playlists/docs', '/resumes/docs'])
      expect((await anonymous(path)).status).toBe(200);
  });
  ada = await join(system.url, 'ada');
}, START_MS);

test('a playlist of found videos cannot be extended while the video service is unavailable, and can afterwards', async () => {
  const { body } = await anonymous('/videos?query=winter&limit=3');
  const [first, second, third] = (body.items as { id: string }[]).map((video) => video.id);
  const created = await ada.post('/playlists', {
    name: 'Winter',
    visibility: 'public',
    video_ids: [first, second],
  });
  expect(created.status).toBe(201);
  const path = pathOf(created);
  await system.process('video').kill();
  const rejected = await ada.post(`${path}/videos`, { video_id: third });
  expect(rejected).toMatchObject({ status: 503, body: { code: 'video.unavailable' } });
  expect((await anonymous(path)).body.videos_count).toBe(2);
  await system.start('video');
  await eventually(async () => {
    expect((await ada.post(`${path}/videos`, { video_id: third, position: 0 })).status).toBe(201);
  });
  const videos = (await anonymous(path)).body.videos as { video_id: string }[];
  expect(videos.map((video) => video.video_id)).toEqual([third, first, second].map(String));
});

test('a résumé is imported below its prefix, shown as a page by its link, and exported unchanged', async () => {
  const sample = await Bun.file(
    fileURLToPath(import.meta.resolve('@jsonresume/schema/sample.resume.json')),
  ).json();
  const imported = await ada.post('/resume/resumes/import?visibility=link', sample);
  expect(imported.status).toBe(201);
  const { pathname, search } = new URL(String(imported.body.share_url));
  const page = await anonymous(`${pathname}${search}`);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.body.text).toContain(sample.basics.name);
  expect((await anonymous(pathname)).status).toBe(404);
  expect((await anonymous(`${pathOf(imported)}/export${search}`)).body).toEqual(sample);
});

test('erasing an account deletes its playlists and résumés', async () => {
  const bob = await join(system.url, 'bob');
  const paths = [
    pathOf(await bob.post('/playlists', { name: 'Public', visibility: 'public' })),
    pathOf(await bob.post('/resumes', { title: 'Public', visibility: 'public' })),
  ];
  for (const path of paths) expect((await anonymous(path)).status).toBe(200);
  expect((await bob.delete('/users/me')).status).toBe(204);
  await eventually(async () => {
    for (const path of paths) expect((await anonymous(path)).status).toBe(404);
  });
});
