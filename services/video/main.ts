import { integer, readEnv } from '#kit/env';
import { amqpFields, serviceFields, tokenFields } from '#kit/env-fields';
import { startProcess } from '#kit/process';
import { openRabbit } from '#kit/rabbit';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { video } from '.';
import { createCatalogue } from './catalogue';
import { videoGrpc } from './grpc';

const env = readEnv({
  ...serviceFields(6200),
  ...amqpFields,
  ...tokenFields,
  VIDEO_LATENCY_MS: integer(0, { min: 0, max: 60_000 }),
  VIDEO_ERROR_PERCENT: integer(0, { min: 0, max: 100 }),
});

const runtime = await startProcess('video', env);
const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
const deps = {
  runtime,
  catalogue: createCatalogue(),
  failures: { latency_ms: env.VIDEO_LATENCY_MS, error_percent: env.VIDEO_ERROR_PERCENT },
  tokens: openTokens(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET }),
};
await serveService(runtime, env, { app: video(deps), grpc: [videoGrpc(deps)] });
