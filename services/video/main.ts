import { integer, readEnv } from '#kit/env';
import { serviceFields, tokenFields } from '#kit/env-fields';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry-client';
import { serveService } from '#kit/service';
import { openTokens } from '#kit/tokens';
import { video } from '.';
import { createCatalogue } from './catalogue';
import { videoGrpc } from './grpc';

const env = readEnv({
  ...serviceFields(6200),
  ...tokenFields,
  VIDEO_LATENCY_MS: integer(0, { min: 0, max: 60_000 }),
  VIDEO_ERROR_PERCENT: integer(0, { min: 0, max: 100 }),
});

const runtime = await startProcess('video', env);
const deps = {
  runtime,
  catalogue: createCatalogue(),
  failures: { latency_ms: env.VIDEO_LATENCY_MS, error_percent: env.VIDEO_ERROR_PERCENT },
  tokens: openTokens(runtime, env, watchRegistry(runtime, { urls: env.REGISTRY_URL })),
};
await serveService(runtime, env, { app: video(deps), grpc: [videoGrpc(deps)] });
