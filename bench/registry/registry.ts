import { startRegistry } from '../../tests/support/registry';

/** The registry of the benchmark: it takes every address for verified, because nothing listens at them. */
const { PORT, REGISTRY_REDIS_URL: url } = process.env;
await startRegistry({
  port: Number(PORT),
  watchers: { maximum: 1_000, perAddress: 1_000 },
  ...(url !== undefined && { redis: { url, group: 'bench' } }),
});
