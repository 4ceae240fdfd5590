import { readEnv } from '#kit/config/environment';
import { internalTlsFields, processFields } from '#kit/config/fields';
import { DEVELOPMENT_REGISTRY_TOKEN } from '#kit/config/secrets';
import { instanceUrl } from '#kit/core/address';
import { serveHttp } from '#kit/http/server';
import { startProcess } from '#kit/process';
import { createAddressPolicy } from './access/address-policy';
import { registry } from './index';
import { openRegistry } from './open-registry';
import { registryFields } from './settings';

const env = readEnv({ ...processFields(8006), ...internalTlsFields, ...registryFields });
const runtime = await startProcess('registry', env);
const isTls = runtime.internalTls !== null;

const deps = await openRegistry(runtime, {
  credentials: {
    token: env.REGISTRY_TOKEN,
    required: env.REGISTRY_TOKEN !== DEVELOPMENT_REGISTRY_TOKEN,
  },
  requiresProof: env.REGISTRY_REQUIRE_PROOF ?? env.NODE_ENV === 'production',
  hosts: env.REGISTRY_HOSTS.split(',').map((name) => name.trim()),
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
runtime.log.info(`listening on ${instanceUrl({ host: env.HOST, port: server.port, tls: isTls })}`);
