import { afterAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { createLogger } from '../core/log';
import { createRuntime } from '../core/runtime';
import { createGrpcClient } from './client';

const SERVER = `
  import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
  import { grpcService, startGrpcServer } from '#kit/grpc/server';
  import { createLogger } from '#kit/core/log';
  import { createRuntime } from '#kit/core/runtime';
  const runtime = createRuntime({ name: 'likes', version: '1.0.0', log: await createLogger({ name: 'likes', level: 'silent' }) });
  const { getCounts } = LikesServiceDefinition.methods;
  const likes = grpcService({ ...LikesServiceDefinition, methods: { getCounts } }, {
    getCounts: async () => { await Bun.sleep(5); return { counts: [] }; },
  });
  const { port } = await startGrpcServer(runtime, { host: '127.0.0.1', port: 0, services: [likes], audience: 'likes' });
  console.log(port);
`;

const servers: Bun.Subprocess<'ignore', 'pipe', 'inherit'>[] = [];
const runtime = createRuntime({
  name: 'timelines',
  version: '1.0.0',
  log: await createLogger({ name: 'timelines', level: 'silent' }),
});
afterAll(async () => {
  await runtime.close();
  for (const server of servers) server.kill('SIGKILL');
});

test('killing a process during calls fails no idempotent call', async () => {
  const ports = [await startProcess(), await startProcess()];
  const likes = createGrpcClient(runtime, {
    service: 'likes',
    definition: LikesServiceDefinition,
    // The registry still lists the dead instance for a while.
    registry: {
      instances: () => ports.map((grpc_port) => ({ host: '127.0.0.1', grpc_port, state: 'up' as const })),
      onChange: () => undefined,
    },
  });
  let answered = 0;
  const callers = Array.from({ length: 8 }, async () => {
    for (let call = 0; call < 50; call++) {
      await likes.getCounts({ post_ids: [] });
      if (++answered === 100) servers[0]?.kill('SIGKILL');
    }
  });
  await Promise.all(callers);
  expect(answered).toBe(400);
  expect(await servers[0]?.exited).not.toBe(0);
}, 60_000);

async function startProcess(): Promise<number> {
  const server = Bun.spawn([process.execPath, '-e', SERVER], {
    cwd: join(import.meta.dir, '../..'),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  servers.push(server);
  for await (const line of server.stdout.pipeThrough(new TextDecoderStream())) return Number(line);
  throw new Error('The server exited without a port');
}
