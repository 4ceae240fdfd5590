import { VideoServiceDefinition } from '#contracts/gen/video/v1/video';
import { uuidv7 } from '#kit/core/ids';
import { startGrpcServer } from '#kit/grpc/server';
import { migrateDatabase } from '#kit/mysql/migrations';
import { playlists } from '../../services/playlists';
import { cachedVideos } from '../../services/playlists/videos';
import { createCatalogue } from '../../services/video/catalogue';
import { videoGrpc } from '../../services/video/grpc';
import { callerOf } from './call';
import { permittedClient } from './permitted-client';
import { testDatabase, testRuntime } from './servers';
import { testTokens } from './tokens';

const DEADLINE_MS = 400;

/**
 * The playlists service on a database of its own, with the video service's gRPC on a free port. `video.failures` makes
 * that one slow or failing, `video.unavailable` removes it from the registry.
 */
export async function startPlaylists() {
  const runtime = testRuntime('playlists');
  const storage = await testDatabase();
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/playlists/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const video = {
    runtime,
    catalogue: createCatalogue(),
    failures: { latency_ms: 0, error_percent: 0 },
    unavailable: false,
  };
  const { port } = await startGrpcServer(runtime, {
    host: '127.0.0.1',
    port: 0,
    services: [videoGrpc(video)],
    audience: 'video',
  });
  const address = { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
  const client = permittedClient(runtime, {
    service: 'video',
    definition: VideoServiceDefinition,
    registry: { instances: () => (video.unavailable ? [] : [address]), onChange: () => () => undefined },
  });
  const deps = {
    runtime,
    database: storage.database,
    videos: cachedVideos(client, DEADLINE_MS),
    tokens: tokens.verifier,
  };
  const app = playlists(deps);

  return {
    app,
    call: callerOf(app),
    client,
    deps,
    video,
    deadlineMs: DEADLINE_MS,
    /** Ids of so many videos there are, none of which the service has asked for yet in another call of this. */
    freshVideos: takeFrom(video.catalogue.videos.map(({ id }) => id)),
    authorize: (id: string) => tokens.authorization({ id, username: 'someone' }),
    async person() {
      const id = uuidv7();
      return { id, authorization: await tokens.authorization({ id, username: 'someone' }) };
    },
    async close() {
      await runtime.close();
      await storage.drop();
    },
  };
}

function takeFrom(ids: readonly string[]) {
  let taken = 0;
  return (count: number): string[] => {
    taken += count;
    if (taken > ids.length) throw new Error('the catalogue has no more videos for this test');
    return ids.slice(taken - count, taken);
  };
}
