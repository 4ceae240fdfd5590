import { beforeAll, describe, expect, test } from 'bun:test';
import { createClient } from '../../clients/typescript/src/index';
import { type Client, join, type Reply, request } from '../support/client';
import { eventually } from '../support/eventually';
import { mailsTo, verificationTokenIn } from '../support/inbox';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const START_MS = 240_000;
let system: System;
let alice: Client;
let bob: Client;

const call = (method: string, path: string, options: Parameters<typeof request>[3] = {}) =>
  request(system.url, method, path, options);
/** The log lines of a process with level error. */
const errorsOf = (name: string) =>
  system
    .process(name)
    .output()
    .split('\n')
    .filter((line) => line.includes('"level":"error"'));
const textsOf = ({ body }: Reply) => (body.items as { text: string }[]).map(({ text }) => text);
const idsOf = ({ body }: Reply) => (body.items as { id: string }[]).map(({ id }) => id);

beforeAll(async () => {
  system = await sharedSystem();
  [alice, bob] = await Promise.all([join(system.url, 'alice'), join(system.url, 'bob')]);
}, START_MS);

describe('the gateway', () => {
  test('serves its index as JSON and as HTML', async () => {
    const { body } = await call('GET', '/', { headers: { accept: 'application/json' } });
    expect(body).toMatchObject({ name: expect.any(String), version: expect.any(String) });
    const page = await fetch(system.url, { headers: { accept: 'text/html' } });
    expect(page.headers.get('content-type')).toContain('text/html');
  });

  test('serves one OpenAPI document of all services, and its page', async () => {
    await eventually(async () => {
      const { status, body } = await call('GET', '/openapi.json');
      expect(status).toBe(200);
      const paths = Object.keys(body.paths as object);
      for (const path of ['/register', '/posts', '/likes/{post_id}', '/polls/{poll_id}/vote', '/auth/login'])
        expect(paths).toContain(path);
    });
    expect((await fetch(`${system.url}/docs`)).status).toBe(200);
  });

  test.each(['/health', '/healthz', '/readyz', '/metrics'])('serves %s', async (path) => {
    expect((await fetch(`${system.url}${path}`)).status).toBe(200);
  });

  test('routes to a service at the root, below its prefix and below a version', async () => {
    for (const path of ['/users/alice', '/v1/users/alice', '/users/users/alice'])
      expect((await call('GET', path)).body).toMatchObject({ username: 'alice' });
  });
});

test('the published client registers, signs in, posts, reads, and is told why not', async () => {
  const anonymous = createClient({ baseUrl: system.url });
  const credentials = { username: 'typed_client', password: 'correct horse battery staple' };
  const registration = { ...credentials, email: 'typed_client@example.com' };
  expect((await anonymous.POST('/register', { body: registration })).error).toBeUndefined();
  const { data: session } = await anonymous.POST('/login', { body: credentials });
  const api = createClient({ baseUrl: system.url, token: () => session?.access_token });
  const { data: post, response } = await api.POST('/posts', { body: { text: 'Typed' } });
  expect([response.status, post?.text]).toEqual([201, 'Typed']);
  const { data: page } = await api.GET('/posts/{username}', {
    params: { path: { username: credentials.username }, query: { limit: 1 } },
  });
  expect(page?.items.map(({ id }) => id)).toEqual([String(post?.id)]);
  const { error } = await anonymous.POST('/posts', { body: { text: 'Anonymous' } });
  expect(error?.code).toBe('auth.unauthenticated');
});

describe('every service on its own port', () => {
  test.each(['users', 'timelines', 'auth', 'likes', 'polls'])(
    '%s serves its operational routes',
    async (name) => {
      const { url } = system.process(name);
      for (const path of ['/health', '/healthz', '/readyz', '/metrics', '/docs', '/openapi.json'])
        expect([name, path, (await fetch(`${url}${path}`)).status]).toEqual([name, path, 200]);
    },
  );

  test.each(['posts', 'fanout', 'likes-validation', 'likes-notification'])(
    'worker %s is healthy',
    async (name) => {
      const { url } = system.process(name);
      for (const path of ['/health', '/readyz', '/metrics'])
        expect([name, path, (await fetch(`${url}${path}`)).status]).toEqual([name, path, 200]);
    },
  );

  test('responds as through the gateway', async () => {
    const direct = await request(system.process('users').url, 'GET', '/users/alice');
    expect(direct.body).toEqual((await call('GET', '/users/alice')).body);
  });
});

describe('the microblog', () => {
  test('a post reaches the home timelines of followers only', async () => {
    const carol = await join(system.url, 'carol');
    expect((await bob.post('/users/follow/alice')).status).toBe(204);
    const posted = await alice.post('/posts', { text: 'Hello #rooks, says @bob' });
    expect(posted.status).toBe(201);
    expect(posted.body).toMatchObject({ author: { username: 'alice' }, hashtags: ['rooks'] });
    const id = String(posted.body.id);
    await eventually(async () => expect(idsOf(await bob.get('/posts/home/bob'))).toContain(id));
    expect(idsOf(await carol.get('/posts/home/carol'))).not.toContain(id);
    expect((await bob.get('/posts/home/alice')).status).toBe(403);
    expect((await call('GET', '/posts/home/bob')).status).toBe(401);
    for (const path of ['/posts', '/posts/alice', '/posts/tag/rooks'])
      expect(idsOf(await call('GET', path))).toContain(id);
    expect((await call('GET', `/posts/id/${id}`)).body).toMatchObject({
      id,
      text: 'Hello #rooks, says @bob',
    });
    await eventually(async () =>
      expect((await call('GET', '/users/alice')).body).toMatchObject({ posts_count: 1, followers_count: 1 }),
    );
  });

  test('an accepted post is created exactly once with its assigned id', async () => {
    const accepted = await alice.post('/posts/async', { text: 'Later' });
    expect(accepted.status).toBe(202);
    expect(accepted.body).toMatchObject({ status: 'queued' });
    await eventually(async () => {
      const { status, body } = await call('GET', String(accepted.body.location));
      expect([status, body.id]).toEqual([200, accepted.body.id]);
    });
    expect(textsOf(await call('GET', '/posts/alice')).filter((text) => text === 'Later')).toHaveLength(1);
  });

  test('a retried post is created once', async () => {
    const key = { 'idempotency-key': 'the-same-key' };
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => alice.post('/posts', { text: 'Once' }, key)),
    );
    const ids = new Set(replies.filter(({ status }) => status === 201).map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    expect(replies.every(({ status }) => status === 201 || status === 409)).toBe(true);
    expect(textsOf(await call('GET', '/posts/alice')).filter((text) => text === 'Once')).toHaveLength(1);
    expect((await alice.post('/posts', { text: 'Other' }, key)).status).toBe(422);
  });

  test('unfollowing removes the posts of that person from the home timeline', async () => {
    const [dan, eve] = await Promise.all([join(system.url, 'dan'), join(system.url, 'eve')]);
    await dan.post('/users/follow/eve');
    const { body } = await eve.post('/posts', { text: 'To followers' });
    await eventually(async () => expect(idsOf(await dan.get('/posts/home/dan'))).toContain(String(body.id)));
    await dan.post('/users/unfollow/eve');
    await eventually(async () => expect(idsOf(await dan.get('/posts/home/dan'))).toEqual([]));
  });

  test('likes count once, appear in the popular list, and are sent to the author by mail', async () => {
    const token = await eventually(async () =>
      verificationTokenIn((await mailsTo(system, 'alice@example.com'))[0]),
    );
    expect((await call('POST', '/users/email/verification', { body: { token } })).status).toBe(204);
    const post = await alice.post('/posts', { text: 'Like me' });
    const id = String(post.body.id);
    expect((await bob.post(`/likes/${id}`)).status).toBe(201);
    expect((await bob.post(`/likes/${id}`)).status).toBe(200);
    expect((await bob.get(`/likes/${id}/count`)).body).toMatchObject({
      post_id: id,
      count: 1,
      liked_by_me: true,
    });
    expect((await bob.get(`/posts/id/${id}`)).body).toMatchObject({ likes_count: 1, liked_by_me: true });
    expect(JSON.stringify((await call('GET', '/users/bob/likes')).body)).toContain(id);
    expect(JSON.stringify((await call('GET', '/likes/popular')).body)).toContain(id);
    await eventually(async () => {
      const received = await mailsTo(system, 'alice@example.com');
      expect(received.filter(({ subject }) => subject.includes('bob'))).toHaveLength(1);
    });
    expect((await bob.delete(`/likes/${id}`)).status).toBe(204);
    expect((await bob.get(`/likes/${id}/count`)).body).toMatchObject({ count: 0, liked_by_me: false });
  });

  test('a poll counts one of five hundred concurrent votes of one person', async () => {
    const poll = await alice.post('/polls', { question: 'Tea?', options: ['Yes', 'No'] });
    expect(poll.status).toBe(201);
    const earlier = new Set(errorsOf('polls'));
    const votes = await Promise.all(
      Array.from({ length: 500 }, () => bob.post(`/polls/${poll.body.id}/vote`, { option: 'Yes' })),
    );
    expect(errorsOf('polls').filter((line) => !earlier.has(line))).toEqual([]);
    expect(votes.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(votes.filter(({ body }) => body.code === 'poll.already-voted')).toHaveLength(499);
    const { body } = await call('GET', `/polls/${poll.body.id}/results`);
    expect(body).toMatchObject({
      voters_count: 1,
      options: [{ option: 'Yes', votes: 1, share: 100 }, { votes: 0 }],
    });
  });

  test('a post holds a poll of its author’s own, and a quote outlives what it quotes', async () => {
    const poll = await alice.post('/polls', { question: 'Again?', options: ['Yes', 'No'] });
    expect((await bob.post('/posts', { poll_id: poll.body.id })).status).toBe(422);
    const asked = await alice.post('/posts', { poll_id: poll.body.id });
    expect([asked.status, asked.body.text]).toEqual([201, '']);
    expect((await bob.post('/posts', { text: 'x', media_ids: [crypto.randomUUID()] })).status).not.toBe(201);
    const quote = await bob.post('/posts', { text: 'Vote here', repost_of: asked.body.id });
    expect(quote.body.quote).toMatchObject({ state: 'available' });
    expect((await alice.delete(`/posts/id/${asked.body.id}`)).status).toBe(204);
    const { status, body } = await call('GET', `/posts/id/${quote.body.id}`);
    expect([status, body.quote]).toEqual([200, { id: asked.body.id, state: 'unavailable' }]);
  });

  test('a stranger’s like of a post for followers is seen by nobody else', async () => {
    const hugo = await join(system.url, 'hugo');
    const { body } = await alice.post('/posts', { text: 'For followers', visibility: 'followers' });
    expect((await hugo.post(`/likes/${body.id}`)).status).toBe(201);
    expect((await call('GET', `/likes/${body.id}/count`)).body.count).toBe(0);
    expect((await call('GET', '/users/hugo/likes')).body.items).toEqual([]);
  });

  test('a block removes the relations of two people, and prevents follows, replies, likes and votes', async () => {
    const [fay, gus] = await Promise.all([join(system.url, 'fay'), join(system.url, 'gus')]);
    await gus.post('/users/follow/fay');
    const post = await fay.post('/posts', { text: 'Not for Gus' });
    const poll = await fay.post('/polls', { question: 'Stay?', options: ['Yes', 'No'] });
    expect((await fay.post('/users/block/gus')).status).toBe(204);
    expect((await gus.post('/users/follow/fay')).status).toBe(403);
    expect((await gus.post(`/polls/${poll.body.id}/vote`, { option: 'Yes' })).status).toBe(403);
    await eventually(async () => {
      const reply = await gus.post('/posts', { text: 'But why', reply_to: post.body.id });
      expect(reply.status).toBeGreaterThanOrEqual(400);
    });
    await gus.post(`/likes/${post.body.id}`);
    await eventually(async () =>
      expect((await call('GET', `/likes/${post.body.id}/count`)).body).toMatchObject({ count: 0 }),
    );
  });

  test('a like of a post that does not exist is removed everywhere', async () => {
    const invented = '4096000';
    await bob.post(`/likes/${invented}`);
    await eventually(async () => {
      expect((await call('GET', `/likes/${invented}/count`)).body).toMatchObject({ count: 0 });
      expect(JSON.stringify((await call('GET', '/users/bob/likes')).body)).not.toContain(`"${invented}"`);
    });
  });

  test('an erased account is removed from profiles, posts, home timelines and likes', async () => {
    const [hal, ivy] = await Promise.all([join(system.url, 'hal'), join(system.url, 'ivy')]);
    await ivy.post('/users/follow/hal');
    const { body } = await hal.post('/posts', { text: 'Soon gone' });
    await ivy.post(`/likes/${body.id}`);
    const ivysPost = await ivy.post('/posts', { text: 'Staying' });
    await hal.post(`/likes/${ivysPost.body.id}`);
    expect((await hal.delete('/users/me')).status).toBe(204);
    await eventually(async () => {
      expect((await call('GET', '/users/hal')).status).toBe(404);
      expect((await call('GET', `/posts/id/${body.id}`)).status).toBe(404);
      expect(idsOf(await ivy.get('/posts/home/ivy'))).not.toContain(String(body.id));
      expect((await call('GET', `/likes/${ivysPost.body.id}/count`)).body).toMatchObject({ count: 0 });
    });
    await eventually(async () => {
      const again = await call('POST', '/login', {
        body: { username: 'hal', password: 'correct horse battery staple' },
      });
      expect(again.status).toBe(401);
    });
  });
});

/** The media types of errors: problem documents, pages where people are, and the form that OAuth has for its endpoints (RFC 6749, 5.2). */
const errorTypesOf = (path: string, operation: { responses?: object }) => [
  'application/problem+json',
  ...(JSON.stringify(operation.responses).includes('text/html') ? ['text/html'] : []),
  ...(path.startsWith('/oauth/') ? ['application/json'] : []),
];

describe('invalid input', () => {
  test('to every route of every service results in an error that echoes nothing', async () => {
    const marker = 'x7QkMarkerThatMustNotBeEchoed';
    const { body } = await call('GET', '/openapi.json');
    const routes = Object.entries(body.paths as Record<string, Record<string, object>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({
          method: method.toUpperCase(),
          path,
          types: errorTypesOf(path, operation),
        })),
    );
    expect(routes.length).toBeGreaterThan(40);
    for (const { method, path, types } of routes) {
      const concrete = path.replaceAll(/\{[^}]+\}/g, marker);
      const bodies = ['GET', 'HEAD', 'DELETE'].includes(method)
        ? [undefined]
        : [`{"${marker}`, `{"text":["${marker}"]}`, '[]', 'null'];
      for (const sent of bodies)
        for (const bearer of [undefined, marker]) {
          const reply = await call(method, concrete, {
            ...(sent !== undefined && { body: sent }),
            ...(bearer !== undefined && { token: bearer }),
          });
          const where = `${method} ${path} with ${sent} and ${bearer ? 'an invalid' : 'no'} token: ${reply.status}`;
          if (reply.status < 400) continue;
          const [type = ''] = (reply.headers.get('content-type') ?? '').split(';');
          expect([where, ...types]).toContain(type);
          expect([where, reply.status < 500]).toEqual([where, true]);
          const { instance: _path, ...rest } = reply.body;
          expect([where, JSON.stringify(rest).includes(marker)]).toEqual([where, false]);
        }
    }
  });
});
