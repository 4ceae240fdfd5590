import { readEnv } from '#kit/config/environment';
import { processFields } from '#kit/config/fields';
import { serveHttp } from '#kit/http/server';
import { startProcess } from '#kit/process';
import { createAddressPolicy } from './access/address-policy';
import { registry } from './index';
import { openRegistry } from './open-registry';
import { registryFields } from './settings';

const env = readEnv({ ...processFields(8006), ...registryFields });
const runtime = await startProcess('registry', env);

const deps = await openRegistry(runtime, {
  token: env.REGISTRY_TOKEN || undefined,
  addressPolicy: createAddressPolicy(env.REGISTRY_ALLOWED_HOSTS),
  watchers: { maximum: env.REGISTRY_WATCHERS_MAX, perAddress: env.REGISTRY_WATCHERS_PER_ADDRESS },
  ...(env.REGISTRY_REDIS_URL && {
    redis: { url: env.REGISTRY_REDIS_URL, group: env.REGISTRY_GROUP },
  }),
});
const app = registry(runtime, deps);
const server = serveHttp(runtime, app, {
  hostname: env.HOST,
  port: env.PORT,
  strictPort: true,
  // Most requests are heartbeats.
  beginsTraces: false,
});
runtime.onClose('http', () => server.stop(2_000));
// Registered last, so closed first: open streams would delay the server's shutdown.
runtime.onClose('watchers', deps.close);
runtime.log.info(`listening on http://${env.HOST}:${server.port}`);
