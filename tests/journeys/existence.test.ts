import { beforeAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { enterRoom } from '../support/chat';
import { type Client, join, request } from '../support/client';
import { eventually } from '../support/eventually';
import { ADMIN_PASSWORD, sharedSystem } from '../support/shared-system';

const START_MS = 240_000;
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

/** Whose values are no secret: they are read by everybody, or named by whoever asks. */
const PUBLIC_PARAMETERS = ['username', 'tag', 'name', 'instance_id', 'user_id', 'video_id'];
/** Resources that everybody may see (an account is an address of payments), or that have routes for operators only. */
const PUBLIC_PATHS =
  /^\/(categories|videos|polls|services|heartbeat|deregister|drained|roles|explain|admin|users\/id|mails|rooms\/\{room_name\}\/messages\/|files\/\{id\}\/versions\/|playlists\/\{id\}\/videos\/)/;

/** Bodies that get past validation, by the last static parts of the path. */
const BODIES: Readonly<Record<string, unknown>> = {
  'PATCH /files/{id}': { visibility: 'public' },
  'PUT /files/{id}/tags': { tags: ['x'] },
  'PUT /playlists/{id}': { name: 'x' },
  'PATCH /playlists/{id}': { name: 'x' },
  'POST /playlists/{id}/videos': { video_id: '1' },
  'POST /playlists/{id}/reorder': { video_ids: ['1'] },
  'PUT /resumes/{id}': { title: 'x' },
  'POST /payments/{id}/refunds': { amount: '1.00' },
  'POST /accounts/{id}/deposits': { amount: '1.00', external_id: 'x' },
  'PATCH /auth/users/{id}': { current_password: 'a long password', new_password: 'another long password' },
  'PATCH /auth/usuarios/{id}': { current_password: 'a long password', new_password: 'another long password' },
};

interface Pair {
  readonly existing: string;
  readonly missing: string;
}

let url: string;
let owner: Client;
let stranger: Client;
/** By the first part of the path. */
let pairs: Record<string, Pair>;

const created = async (path: string, body: object, key?: string): Promise<string> => {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  const reply = await owner.post(path, body, headers);
  if (reply.status >= 300) throw new Error(`POST ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return String(reply.body.id);
};

async function privateFile(): Promise<string> {
  const form = new FormData();
  form.append('visibility', 'private');
  form.append('file', new File(['<svg xmlns="http://www.w3.org/2000/svg"/>'], 'own.svg'));
  const headers = { authorization: `Bearer ${owner.token}` };
  const response = await fetch(`${url}/files/upload`, { method: 'POST', headers, body: form });
  expect(response.status).toBe(201);
  return String((await response.json()).id);
}

async function unfinishedUpload(): Promise<string> {
  const response = await fetch(`${url}/files/tus`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${owner.token}`,
      'tus-resumable': '1.0.0',
      'upload-length': '10',
      'upload-metadata': `filename ${Buffer.from('own.txt').toString('base64')}`,
    },
  });
  expect(response.status).toBe(201);
  return String(response.headers.get('location')).split('/').at(-1) ?? '';
}

/** Of what was exported. */
async function archiveImport(exportId: string): Promise<string> {
  const path = `/archives/exports/${exportId}`;
  await eventually(async () => expect((await owner.get(path)).body.status).toBe('complete'));
  const headers = { authorization: `Bearer ${owner.token}` };
  const body = await (await fetch(`${url}${path}/file`, { headers })).arrayBuffer();
  const response = await fetch(`${url}/archives/imports`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/zip' },
    body,
  });
  expect(response.status).toBe(202);
  return String((await response.json()).id);
}

beforeAll(async () => {
  url = (await sharedSystem()).url;
  [owner, stranger] = await Promise.all([join(url, 'keeps_private'), join(url, 'looks_around')]);
  const admin = await request(url, 'POST', '/login', {
    body: { username: 'admin', password: ADMIN_PASSWORD },
  });
  const post = await created('/posts', { text: 'between us', visibility: 'followers' });
  const room = 'keepers-den';
  expect(
    (await owner.post('/rooms', { name: room, private: true, members: [stranger.username] })).status,
  ).toBe(201);
  const account = await eventually(async () => {
    const { status, body } = await owner.get(`/accounts/user/${owner.id}`);
    expect(status).toBe(200);
    return String((body.items as { id: string }[] | undefined)?.[0]?.id ?? body.id);
  });
  const sessions = (await owner.get('/auth/sessions')).body.items as { id: string }[];
  const invoice = await request(url, 'POST', '/invoices', {
    token: String(admin.body.access_token),
    headers: { 'idempotency-key': uuidv7() },
    body: {
      user_id: owner.id,
      currency: 'EUR',
      lines: [{ description: 'x', amount: '5.00' }],
    },
  });
  const uuid = (existing: string) => ({ existing, missing: uuidv7() });
  const payment = await created('/payments', { amount: '5.00', currency: 'EUR', description: 'x' }, uuidv7());
  const transaction = await eventually(async () => {
    const { transaction_id } = (await owner.get(`/payments/${payment}`)).body;
    expect(transaction_id).toBeString();
    return String(transaction_id);
  });
  const exported = await created('/archives/exports', {});
  const rooms = { existing: room, missing: 'nobodys-den' };
  pairs = {
    // Of the same age: what is told about a fresh id is the same for both.
    posts: { existing: post, missing: String(Number(post) + 1) },
    likes: { existing: post, missing: String(Number(post) + 1) },
    rooms,
    ws: rooms,
    transactions: uuid(transaction),
    imports: uuid(await archiveImport(exported)),
    tus: { existing: await unfinishedUpload(), missing: uuidv7().replaceAll('-', '') },
    files: uuid(await privateFile()),
    playlists: uuid(await created('/playlists', { name: 'Own', visibility: 'private' })),
    resumes: uuid(await created('/resumes', { title: 'Own', visibility: 'private' })),
    payments: uuid(payment),
    invoices: uuid(String(invoice.body.id)),
    accounts: uuid(account),
    sessions: uuid(sessions[0]?.id ?? ''),
    exports: uuid(exported),
    auth: uuid(owner.id),
  };
}, START_MS);

interface Operation {
  readonly method: string;
  readonly path: string;
}

async function operations(): Promise<Operation[]> {
  const { paths } = (await request(url, 'GET', '/openapi.json')).body as {
    paths: Record<string, Record<string, unknown>>;
  };
  return Object.entries(paths)
    .filter(([path]) => path.includes('{'))
    .filter(([path]) => !PUBLIC_PATHS.test(path))
    .filter(([path]) => parametersOf(path).some((name) => !PUBLIC_PARAMETERS.includes(name)))
    .flatMap(([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => ({ method: method.toUpperCase(), path })),
    );
}

const parametersOf = (path: string) => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

/** What tells two resources of one kind apart is what the owner of one has. */
const kindOf = (path: string): string | undefined =>
  path
    .split('/')
    .filter((part) => part in pairs)
    .at(-1);

const MORE_HEADERS = {
  'if-match': '*',
  range: 'bytes=0-1',
  'idempotency-key': 'k',
  'tus-resumable': '1.0.0',
};
const VARYING = ['date', 'x-request-id', 'ratelimit', 'x-registry-revision'];

async function answer(
  { method, path }: Operation,
  id: string,
  options: { token?: string; headers?: Record<string, string> },
) {
  const target = path
    .replace('{username}', stranger.username)
    .replace('{size}', 'small')
    .replace(/\{\w+\}/, id);
  const body = BODIES[`${method} ${path}`];
  const {
    status,
    headers,
    body: told,
  } = await request(url, method, target, {
    ...options,
    ...(body !== undefined && { body }),
  });
  const { request_id: _, ...rest } = told;
  const shown = [...headers].filter(([name]) => !VARYING.includes(name));
  return JSON.stringify({ status, shown, rest }).replaceAll(id, 'the id');
}

test(
  'a stranger gets one answer for what is private and for what does not exist, on every route',
  async () => {
    const found = await operations();
    const unknown = found.filter(({ path }) => kindOf(path) === undefined);
    // A new route with an id: name what is private about it above, or that it is public.
    expect(unknown).toEqual([]);
    expect(found.length).toBeGreaterThan(40);
    const differences: unknown[] = [];
    for (const operation of found) {
      const pair = pairs[kindOf(operation.path) ?? ''];
      if (pair === undefined) continue;
      const ways: { method?: string; token?: string; headers?: Record<string, string> }[] = [
        { token: stranger.token },
        { token: stranger.token, headers: MORE_HEADERS },
        {},
        ...(operation.method === 'GET' ? [{ method: 'HEAD', token: stranger.token }] : []),
        { method: 'OPTIONS', token: stranger.token },
      ];
      for (const { method = operation.method, ...options } of ways) {
        const asked = { method, path: operation.path };
        const [existing, missing] = [
          await answer(asked, pair.existing, options),
          await answer(asked, pair.missing, options),
        ];
        if (existing !== missing)
          differences.push({ ...asked, options: Object.keys(options), existing, missing });
      }
    }
    expect(differences).toEqual([]);
    // What exists is there for its owner: otherwise the answers are the same for nothing.
    for (const path of [
      `/posts/id/${pairs.posts?.existing}`,
      `/files/${pairs.files?.existing}`,
      `/playlists/${pairs.playlists?.existing}`,
      `/resumes/${pairs.resumes?.existing}`,
      `/payments/${pairs.payments?.existing}`,
      `/invoices/${pairs.invoices?.existing}`,
      `/accounts/${pairs.accounts?.existing}`,
      `/archives/exports/${pairs.exports?.existing}`,
      '/rooms/keepers-den/members',
    ])
      expect([path, (await owner.get(path)).status]).toEqual([path, 200]);
  },
  START_MS,
);

test('a stranger who enters a private room is in an empty one of that name, as with any other name', async () => {
  const headers = { authorization: `Bearer ${stranger.token}` };
  const frames = await Promise.all(
    [pairs.rooms?.existing ?? '', 'another-den'].map(async (room) => {
      const guest = await enterRoom(url, room, { headers });
      const { epoch, ...joined } = await guest.got('joined');
      guest.close();
      return JSON.stringify(joined).replaceAll(room, 'a room');
    }),
  );
  expect(frames[0]).toBe(frames[1] ?? '');
});
