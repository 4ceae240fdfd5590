import { expect } from 'bun:test';
import { enterRoom } from './chat';
import { type Client, join, type Reply, request } from './client';
import { eventually } from './eventually';

export interface MarkedPerson extends Client {
  readonly phone: string;
}

const PASSWORD = 'correct horse battery staple';
const svg = (mark: string) => `<svg xmlns="http://www.w3.org/2000/svg"><text>${mark}svg</text></svg>`;

function expectStatus(what: string, { status, body }: Reply, ...expected: number[]): void {
  if (!expected.includes(status)) throw new Error(`${what}: ${status} ${JSON.stringify(body)}`);
}

/** Registers a person whose name, address and profile hold the mark. */
export async function registerMarked(url: string, mark: string, digits: string): Promise<MarkedPerson> {
  const username = `${mark}_user`;
  const registered = await request(url, 'POST', '/register', {
    body: {
      username,
      email: `${mark}.mail@example.com`,
      password: PASSWORD,
      display_name: `${mark}display`,
      first_name: `${mark}first`,
      last_name: `${mark}last`,
      phone_number: `+346${digits}`,
      date_of_birth: '1915-12-10',
    },
  });
  expectStatus('registration', registered, 201);
  const signedIn = await request(url, 'POST', '/login', { body: { username, password: PASSWORD } });
  expectStatus('sign-in', signedIn, 200);
  const token = String(signedIn.body.access_token);
  return {
    username,
    id: String(registered.body.id),
    token,
    phone: `+346${digits}`,
    get: (path) => request(url, 'GET', path, { token }),
    post: (path, body, headers) =>
      request(url, 'POST', path, { token, ...(body !== undefined && { body }), ...(headers && { headers }) }),
    delete: (path) => request(url, 'DELETE', path, { token }),
  };
}

/** Writes the mark into every text that a person can leave. Another person reacts to it. */
export async function leaveMarks(url: string, person: MarkedPerson, mark: string): Promise<Client> {
  const other = await join(url, `other_${mark.slice(2)}`);
  const key = { 'idempotency-key': `${mark}key` };
  const create = async (path: string, body: object, headers: Record<string, string> = key) => {
    const reply = await person.post(path, body, headers);
    expectStatus(`POST ${path}`, reply, 200, 201, 202);
    return String(reply.body.id);
  };
  await describeProfile(url, person, mark);
  for (const [one, followed] of [
    [person, other],
    [other, person],
  ] as const)
    expectStatus('follow', await one.post(`/users/follow/${followed.username}`), 200, 201, 204);

  const file = await uploadFiles(url, person, mark);
  const poll = await create('/polls', { question: `${mark}question?`, options: [`${mark}yes`, `${mark}no`] });
  const text = `${mark}text #${mark}tag @${other.username}`;
  const post = await create('/posts', { text, media_ids: [file], poll_id: poll });
  const theirs = String((await other.post('/posts', { text: 'hello everybody' })).body.id);
  await create('/posts', { text: `${mark}reply`, reply_to: theirs }, {});
  await create('/posts', { text: `${mark}quote`, repost_of: theirs }, {});
  await create('/posts', { text: `${mark}followers`, visibility: 'followers' }, {});
  const gone = await create('/posts', { text: `${mark}deleted` }, {});
  expectStatus('deletion', await person.delete(`/posts/id/${gone}`), 204);
  const queued = await create('/posts/async', { text: `${mark}async` });
  await eventually(async () => expect((await person.get(`/posts/id/${queued}`)).status).toBe(200));
  for (const [one, path, body] of [
    [person, `/likes/${theirs}`],
    [other, `/likes/${post}`],
    [other, `/posts/id/${post}/bookmark`],
    [person, `/posts/id/${theirs}/bookmark`],
    [other, '/posts', { repost_of: post }],
    [other, '/posts', { text: 'a reply', reply_to: post }],
    [other, `/polls/${poll}/vote`, { option: `${mark}yes` }],
  ] as const)
    expectStatus(`POST ${path}`, await one.post(path, body), 200, 201, 204);
  await create('/playlists', { name: `${mark}playlist`, description: `${mark}about`, visibility: 'public' });
  await create('/resumes', { title: `${mark}resume`, summary: `${mark}summary`, skills: [`${mark}skill`] });
  await create('/payments', { amount: '5.00', currency: 'EUR', description: `${mark}payment` });
  await chatAsMarked(url, person, other, mark);
  await moveArchives(url, person);
  await askWithMarks(url, person, mark);
  await eventually(async () => {
    const { items } = (await other.get('/notifications')).body as { items: { type: string }[] };
    expect(new Set(items.map(({ type }) => type))).toEqual(
      new Set(['follow', 'mention', 'reply', 'repost', 'like']),
    );
  });
  return other;
}

async function describeProfile(url: string, person: Client, mark: string): Promise<void> {
  const body = { bio: `${mark}bio`, display_name: `${mark}shown`, locale: 'de' };
  expectStatus('profile', await request(url, 'PATCH', '/users/me', { token: person.token, body }), 200);
}

async function uploadFiles(url: string, person: Client, mark: string): Promise<string> {
  const upload = async (path: string, fields: Record<string, string>, file: File) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', file);
    const headers = { authorization: `Bearer ${person.token}` };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: form });
    const body = (await response.json()) as Record<string, unknown>;
    expectStatus(`POST ${path}`, { status: response.status, headers: response.headers, body }, 201, 202);
    return String(body.id);
  };
  await upload('/files/upload/avatar', {}, await picture(`${mark}avatar.png`));
  return upload(
    '/files/upload',
    { file_tags: `${mark}label`, visibility: 'public' },
    new File([svg(mark)], `${mark}file.svg`),
  );
}

async function picture(name: string): Promise<File> {
  const { default: sharp } = await import('sharp');
  const image = sharp({ create: { width: 8, height: 8, channels: 3, background: '#8899aa' } });
  return new File([new Uint8Array(await image.png().toBuffer())], name, { type: 'image/png' });
}

async function chatAsMarked(url: string, person: Client, other: Client, mark: string): Promise<void> {
  const headers = { authorization: `Bearer ${person.token}` };
  const rooms = [
    { name: `${mark}den`, private: true },
    { name: `club-${other.username}`, private: true, members: [other.username] },
  ];
  for (const room of rooms) expectStatus('room', await person.post('/rooms', room), 201);
  for (const room of [`${mark}joined`, `${mark}den`, `club-${other.username}`, `lobby-${other.username}`]) {
    const talker = await enterRoom(url, room, { headers });
    talker.sendRaw(
      JSON.stringify({
        message: `${mark}said`,
        avatar: `https://example.com/${mark}face.png`,
        client_id: `${mark}client`,
      }),
    );
    await talker.got('message');
    talker.close();
  }
  const listener = await enterRoom(url, `lobby-${other.username}`, {
    headers: { authorization: `Bearer ${other.token}` },
  });
  listener.say('hello');
  await listener.got('message');
  listener.close();
}

async function moveArchives(url: string, person: Client): Promise<void> {
  const ended = async (path: string) =>
    eventually(async () => expect((await person.get(path)).body.status).toBe('complete'));
  const started = await person.post('/archives/exports');
  expectStatus('export', started, 202);
  const exported = String(started.headers.get('location'));
  await ended(exported);
  const headers = { authorization: `Bearer ${person.token}` };
  const file = await (await fetch(`${url}${exported}/file`, { headers })).arrayBuffer();
  const imported = await fetch(`${url}/archives/imports`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/zip' },
    body: file,
  });
  expect(imported.status).toBe(202);
  await ended(String(imported.headers.get('location')));
}

/** Requests that leave nothing but what was asked for. */
async function askWithMarks(url: string, person: Client, mark: string): Promise<void> {
  for (const path of [
    `/posts/search?q=${mark}`,
    `/posts/tag/${mark}tag`,
    `/users/${mark}_nobody`,
    `/${mark}/nowhere`,
  ])
    await person.get(path);
  for (const [path, body] of [
    ['/login', { username: `${mark}_typo`, password: PASSWORD }],
    ['/login', { email: `${mark}.typo@example.com`, password: PASSWORD }],
    ['/login', { username: person.username, password: `${mark}wrong password` }],
    ['/auth/password/forgot', { email: `${mark}.mail@example.com` }],
    ['/auth/password/forgot', { email: `${mark}.typo@example.com` }],
  ] as const)
    await request(url, 'POST', path, { body });
}
