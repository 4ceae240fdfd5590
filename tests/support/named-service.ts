import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import { createTokenVerifier, tokenSettings } from '#kit/auth/tokens';
import { readEnv, text } from '#kit/config/environment';
import { serviceFields, streamFields, streamLimits } from '#kit/config/fields';
import { sleep } from '#kit/core/back-off';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { describeEventStream } from '#kit/http/route-docs';
import { createEventStreams, streamRequestOf } from '#kit/http/streams/event-streams';
import { startProcess } from '#kit/process';
import { serveService } from '#kit/service';

/** A minimal service for tests of the gateway, run as a process of its own; `SERVICE` is its name. */
const env = readEnv({ ...serviceFields(0), ...streamFields, SERVICE: text() });
const runtime = await startProcess(env.SERVICE, env);
const name = env.SERVICE;
const tokens = createTokenVerifier(tokenSettings(env), async () => ({ keys: [] }));

const streams = createEventStreams(runtime, streamLimits(env));
const nothing = async () => ({ events: [], position: '0', more: false });

const Thing = t.Object({
  id: t.String(),
  service: t.String(),
  process: Type.Integer(),
  path: t.String(),
});
const NewThing = t.Object({ name: t.String(), like: t.Optional(Thing) });

const app = new Elysia({ name })
  .use(platform(runtime, { description: `The ${name} service.`, schemas: { Thing, NewThing } }))
  .use(access(tokens))
  .get(`/${name}/:id`, ({ params, request }) => thing(params.id, request), {
    public: true,
    response: Thing,
    detail: { summary: 'Get a thing' },
  })
  .get(
    `/${name}/:id/slowly`,
    async ({ params, request }) => {
      await sleep(150);
      return thing(params.id, request);
    },
    {
      public: true,
      response: Thing,
      detail: { summary: 'Get a thing slowly' },
    },
  )
  .get(
    `/${name}/stream`,
    ({ caller, request, server }) =>
      streams.open({
        ...streamRequestOf(tokens, { request, server }, caller),
        topic: name,
        read: nothing,
      }),
    {
      optionalUser: true,
      ...describeEventStream('Stream things', 'things', 'none', '1'),
    },
  )
  .post(`/${name}`, ({ body, request }) => thing(body.name, request), {
    user: true,
    body: NewThing,
    response: Thing,
    detail: { summary: 'Create a thing' },
  })
  .get(`/things-of-${name}/:id`, ({ params, request }) => thing(params.id, request), {
    public: true,
    response: Thing,
    detail: { summary: 'Get a thing below the prefix only', 'x-prefix-only': true },
  });

const thing = (id: string, request: Request) => ({
  id,
  service: name,
  process: process.pid,
  path: new URL(request.url).pathname,
});

await serveService(runtime, env, { app, aliases: [`${name}-too`], drain: streams.drain });
