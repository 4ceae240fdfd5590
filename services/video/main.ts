import { integer, readEnv } from '#kit/config/environment';
import { serviceFields } from '#kit/config/fields';
import { serveService, startService } from '#kit/service';
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
  tokens,
  catalogue: createCatalogue(),
  failures: { latency_ms: env.VIDEO_LATENCY_MS, error_percent: env.VIDEO_ERROR_PERCENT },
};
await serveService(runtime, env, { app: video(deps), grpc: [videoGrpc(deps)] });
