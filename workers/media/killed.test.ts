import { afterAll, expect, test } from 'bun:test';
import sharp from 'sharp';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { eventually } from '../../tests/support/eventually';
import { startMedia } from '../../tests/support/media';
import { startProcess } from '../../tests/support/processes';
import { amqpUrl } from '../../tests/support/servers';

const service = await startMedia();
const registry = await startProcess('registry/main.ts', {});
afterAll(async () => {
  await service.close();
  await registry.stop();
});

test('a picture whose worker is killed during processing is completed once by the next worker', async () => {
  const { runtime } = service;
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
  await eventually(() => rabbit.connected);
  // The real queue, which may hold messages of other tests.
  const inspection = rabbit.openChannel('inspection', async (channel) => {
    await channel.deleteQueue('media');
  });
  await inspection.opened();
  await inspection.close();
  service.address.register(runtime, [registry.url], {
    name: 'media',
    grpc_port: service.grpcPort,
    routes: [],
  });
  const startWorker = () =>
    startProcess('workers/media/main.ts', {
      REGISTRY_URL: registry.url,
      AMQP_URL: amqpUrl(),
      MEDIA_STORAGE: service.folder,
    });
  const first = await startWorker();
  relayOutbox(runtime, service.database, { rabbit });
  const ada = await service.newPerson();
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  const bytes = await sharp({
    create: { width: 5_000, height: 4_000, channels: 3, background: '#888', noise },
  })
    .jpeg()
    .toBuffer();
  const response = await service.upload(ada, bytes, { name: 'big.jpg' });
  const { id } = await response.json();
  // Rendering takes seconds, and starts after the original has been copied.
  await eventually(async () => renderers(first.pid) > 0);
  await first.kill();
  const read = async () => (await service.call('GET', `/files/${id}`, { authorization: ada })).body;
  expect((await read()).status).toBe('processing');

  const second = await startWorker();
  await eventually(async () => (await read()).status === 'ready', 60_000);
  expect((await read()).sizes).toHaveLength(4);
  await second.stop();
}, 120_000);

/** The number of child processes. */
const renderers = (pid: number): number =>
  Bun.spawnSync(['pgrep', '-P', String(pid)])
    .stdout.toString()
    .split('\n')
    .filter(Boolean).length;
