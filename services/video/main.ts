import { integer, readEnv } from '#kit/env';
import { serviceFields } from '#kit/env-fields';
import { serveService } from '#kit/service';
import { startService } from '#kit/service-process';
import { video } from '.';
import { createCatalogue } from './catalogue';
import { videoGrpc } from './grpc';

const env = readEnv({
  ...serviceFields(6200),
  VIDEO_LATENCY_MS: integer(0, { min: 0, max: 60_000 }),
  VIDEO_ERROR_PERCENT: integer(0, { min: 0, max: 100 }),
});

const { runtime, tokens } = await startService('video', env);
const deps = {
  runtime,
  catalogue: createCatalogue(),
  failures: { latency_ms: env.VIDEO_LATENCY_MS, error_percent: env.VIDEO_ERROR_PERCENT },
  tokens,
};
await serveService(runtime, env, { app: video(deps), grpc: [videoGrpc(deps)] });
