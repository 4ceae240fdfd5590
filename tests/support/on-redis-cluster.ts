import { startCluster } from './redis-cluster';
import { testServers } from './redis-servers';

// Runs a command against a Redis Cluster of its own: bun tests/support/on-redis-cluster.ts bun test services/likes
const servers = testServers();
try {
  const { url } = await startCluster(servers);
  const child = Bun.spawn(process.argv.slice(2), {
    env: { ...process.env, REDIS_URL: url },
    stdio: ['inherit', 'inherit', 'inherit'],
  });
  process.exitCode = await child.exited;
} finally {
  await servers.stop();
}
