import { afterAll, expect, test } from 'bun:test';
import { type Client, join, request } from '../support/client';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import { type System, startSystem } from '../support/system';

const START_MS = 120_000;
const PROCESSES = [
  ...[
    'registry',
    'gateway',
    'users',
    'auth',
    'notifications',
    'media',
    'polls',
    'timelines',
    'likes',
    'playlists',
  ],
  ...[
    'resumes',
    'chat',
    'accounts',
    'payments',
    'billing',
    'mail',
    'archives',
    'archives-worker',
    'media-worker',
  ],
];
const svg = '<svg xmlns="http://www.w3.org/2000/svg"/>';
/** The one that is imported into, without any data. */
let second: System | undefined;
afterAll(() => second?.stop(), START_MS);

async function reachable(system: System): Promise<System> {
  await eventually(async () => {
    for (const path of [
      '/files',
      '/posts',
      '/archives/docs',
      '/resumes/docs',
      '/playlists/docs',
      '/categories',
    ])
      expect((await fetch(`${system.url}${path}`)).status).toBe(200);
  }, START_MS);
  return system;
}

async function upload(url: string, { token }: Client): Promise<string> {
  const form = new FormData();
  form.append('file_tags', 'holidays');
  form.append('file', new File([svg], 'Ünïcode 🪶.svg'));
  const response = await fetch(`${url}/files/upload`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: form,
  });
  expect(response.status).toBe(201);
  return String((await response.json()).id);
}

const create = async (client: Client, path: string, body: object): Promise<string> => {
  const response = await client.post(path, body);
  expect(response.status).toBe(201);
  return String(response.body.id);
};

/** What its owner is shown: addresses contain expiring tokens. */
const shown = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, each) =>
      ['url', 'url_expires_at', 'avatar_url'].includes(key) ? '…' : each,
    ),
  );

async function answers(client: Client, paths: readonly string[]): Promise<unknown[]> {
  const replies: unknown[] = [];
  for (const path of paths) {
    const { status, body } = await client.get(path);
    expect([path, status]).toEqual([path, 200]);
    // The account itself is a new one.
    const { created_at: _, ...rest } = body;
    replies.push([path, shown(path === '/users/me' ? rest : body)]);
  }
  return replies;
}

/** Ids of people differ between two systems. */
const withoutIds = (replies: unknown, ids: readonly string[]) =>
  JSON.parse(ids.reduce((text, id) => text.replaceAll(id, 'a person'), JSON.stringify(replies)));

test(
  'an archive of one system, imported into an empty one, gives the same answers, also when its worker is killed',
  async () => {
    const first = await reachable(await sharedSystem());
    const ada = await join(first.url, 'archivist');
    await join(first.url, 'befriended');
    expect((await ada.post('/users/follow/befriended')).status).toBeLessThan(300);
    await request(first.url, 'PATCH', '/users/me', {
      token: ada.token,
      body: { display_name: 'Ada 🧮', bio: 'Numbers', locale: 'de' },
    });
    const file = await upload(first.url, ada);
    const poll = await create(ada, '/polls', { question: 'Tea?', options: ['Yes', 'No'] });
    const post = await create(ada, '/posts', {
      text: 'Hello #archivedbirds',
      media_ids: [file],
      poll_id: poll,
    });
    const reply = await create(ada, '/posts', { text: 'and more', reply_to: post });
    const playlist = await create(ada, '/playlists', { name: 'Winter' });
    const resume = await create(ada, '/resumes', { title: 'Engineer', skills: ['SQL'] });
    expect((await ada.post(`/likes/${post}`)).status).toBe(201);
    expect((await ada.post(`/posts/id/${post}/bookmark`)).status).toBeLessThan(300);
    await eventually(async () => expect((await ada.get('/users/me')).body.posts_count).toBe(2));
    await eventually(async () => expect((await ada.get(`/likes/${post}/count`)).body.count).toBe(1));
    const paths = [
      ...[
        '/users/me',
        '/users/befriended/relationship',
        '/posts/archivist',
        '/posts/home/archivist',
        '/posts/bookmarks',
        '/users/archivist/likes',
      ],
      ...[
        `/posts/id/${post}`,
        `/posts/id/${reply}`,
        `/polls/${poll}`,
        `/files/${file}`,
        '/posts/tag/archivedbirds',
      ],
      ...[
        `/playlists/${playlist}`,
        '/playlists',
        `/resumes/${resume}`,
        '/resumes',
        '/notifications/settings',
      ],
    ];
    const before = await answers(ada, paths);

    const started = await ada.post('/archives/exports');
    expect(started.status).toBe(202);
    await first.killAndStart('archives-worker');
    const path = String(started.headers.get('location'));
    await eventually(async () => expect((await ada.get(path)).body.status).toBe('complete'), 60_000);
    const headers = { authorization: `Bearer ${ada.token}` };
    const zip = await (await fetch(`${first.url}${path}/file`, { headers })).arrayBuffer();
    expect((await fetch(`${first.url}${path}/file`)).status).toBe(401);

    second = await startSystem('archives', {}, PROCESSES);
    await reachable(second);
    await join(second.url, 'befriended');
    const again = await join(second.url, 'archivist');
    const imported = await fetch(`${second.url}/archives/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${again.token}`, 'content-type': 'application/zip' },
      body: zip,
    });
    expect(imported.status).toBe(202);
    await second.killAndStart('archives-worker');
    const report = String(imported.headers.get('location'));
    await eventually(async () => expect((await again.get(report)).body.status).toBe('complete'), 60_000);
    await eventually(async () =>
      expect(withoutIds(await answers(again, paths), [again.id])).toEqual(withoutIds(before, [ada.id])),
    );
  },
  4 * START_MS,
);
