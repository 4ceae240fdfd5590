import { afterAll, beforeAll, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';
import { type Client, join, request } from '../support/client';
import { eventually } from '../support/eventually';
import { type System, startSystem } from '../support/system';

const START_MS = 90_000;
let system: System;
let ada: Client;

const anonymous = (path: string) => request(system.url, 'GET', path);
const pathOf = (answer: { headers: Headers }) => answer.headers.get('location') ?? '';

beforeAll(async () => {
  const only = ['registry', 'gateway', 'users', 'auth', 'video', 'playlists', 'resumes'];
  system = await startSystem('library', { VIDEO_DEADLINE_MS: '500' }, only);
  await eventually(async () => {
    for (const path of ['/videos', '/playlists/docs', '/resumes/docs'])
      expect((await anonymous(path)).status).toBe(200);
  });
  ada = await join(system.url, 'ada');
}, START_MS);

afterAll(() => system?.stop(), START_MS);

test('a playlist is made of videos that were found; while video is gone nothing is added, and afterwards it is', async () => {
  const { body } = await anonymous('/videos?query=winter&limit=3');
  const [first, second, third] = (body.items as { id: string }[]).map((video) => video.id);
  const made = await ada.post('/playlists', {
    name: 'Winter',
    visibility: 'public',
    video_ids: [first, second],
  });
  expect(made.status).toBe(201);
  const path = pathOf(made);
  await system.process('video').kill();
  const refused = await ada.post(`${path}/videos`, { video_id: third });
  expect(refused).toMatchObject({ status: 503, body: { code: 'video.unavailable' } });
  expect((await anonymous(path)).body.videos_count).toBe(2);
  await system.start('video');
  await eventually(async () => {
    expect((await ada.post(`${path}/videos`, { video_id: third, position: 0 })).status).toBe(201);
  });
  const videos = (await anonymous(path)).body.videos as { video_id: string }[];
  expect(videos.map((video) => video.video_id)).toEqual([third, first, second].map(String));
});

test('a résumé comes in below its prefix, is opened by its link as a page, and goes out as it came', async () => {
  const sample = await Bun.file(
    fileURLToPath(import.meta.resolve('@jsonresume/schema/sample.resume.json')),
  ).json();
  const brought = await ada.post('/resume/resumes/import?visibility=link', sample);
  expect(brought.status).toBe(201);
  const { pathname, search } = new URL(String(brought.body.share_url));
  const page = await anonymous(`${pathname}${search}`);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.body.text).toContain(sample.basics.name);
  expect((await anonymous(pathname)).status).toBe(404);
  expect((await anonymous(`${pathOf(brought)}/export${search}`)).body).toEqual(sample);
});

test('when somebody erases their account, their playlists and résumés go as well', async () => {
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
