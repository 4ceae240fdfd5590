import { beforeAll, expect, test } from 'bun:test';
import sharp from 'sharp';
import { join, request } from '../support/client';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const START_MS = 240_000;
let system: System;

beforeAll(async () => {
  system = await sharedSystem();
  await eventually(async () => {
    expect((await fetch(`${system.url}/files`)).status).toBe(200);
  }, START_MS);
}, START_MS);

const picture = () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 20 } as const;
  return sharp({ create: { width: 800, height: 600, channels: 3, background: '#888', noise } })
    .jpeg()
    .toBuffer();
};
const upload = async (path: string, token: string) => {
  const form = new FormData();
  // An avatar has no tags.
  if (!path.endsWith('/avatar')) form.append('file_tags', 'holidays');
  form.append('file', new File([await picture()], 'me.jpg', { type: 'image/jpeg' }));
  return fetch(`${system.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: form,
  });
};
const signUp = async (username: string) => {
  await join(system.url, username);
  const { body } = await request(system.url, 'POST', '/login', {
    body: { username, password: 'correct horse battery staple' },
  });
  return String(body.access_token);
};
/** URLs contain the public address of the gateway; the test's gateway has another. */
const localUrl = (url: string) => `${system.url}${new URL(url).pathname}${new URL(url).search}`;

test('an uploaded avatar is shown in the profile and in existing posts', async () => {
  const token = await signUp('portrayed');
  const { body: post } = await request(system.url, 'POST', '/posts', { token, body: { text: 'Hello' } });
  const uploaded = await upload('/files/upload/avatar', token);
  expect(uploaded.status).toBe(201);
  const { id } = await uploaded.json();
  const url = await eventually(async () => {
    const { body } = await request(system.url, 'GET', '/users/portrayed', {});
    expect(body.avatar_url).toContain(id);
    return String(body.avatar_url);
  });
  const shown = await fetch(localUrl(url), { headers: { accept: 'image/webp' } });
  expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/webp']);
  await eventually(async () => {
    const { body } = await request(system.url, 'GET', `/posts/id/${post.id}`, {});
    expect(body.author).toMatchObject({ avatar_url: url });
  });
});

test('a file can be uploaded below every prefix, downloaded by its signed URL, and deleted', async () => {
  const token = await signUp('collector');
  for (const path of ['/files/upload', '/basement/files/upload', '/media/files/upload']) {
    const uploaded = await upload(path, token);
    expect([path, uploaded.status]).toEqual([path, 201]);
    const { id } = await uploaded.json();
    await eventually(async () => {
      const { body } = await request(system.url, 'GET', `/files/${id}`, { token });
      expect(body).toMatchObject({ status: 'ready', tags: ['holidays'], width: 800 });
    });
    const { body } = await request(system.url, 'GET', `/files/${id}/url`, { token });
    expect((await fetch(localUrl(String(body.url)))).status).toBe(200);
    expect((await fetch(`${system.url}/files/${id}/content`)).status).toBe(404);
    expect((await request(system.url, 'DELETE', `/files/${id}`, { token })).status).toBe(204);
    expect((await fetch(localUrl(String(body.url)))).status).toBe(404);
  }
});
