import { afterAll, expect, test } from 'bun:test';
import { eventually } from '../../tests/support/eventually';
import { startMail } from '../../tests/support/mail';
import { startMailServer } from '../../tests/support/mail-server';
import { startProcess } from '../../tests/support/processes';
import { amqpUrl } from '../../tests/support/servers';

const service = await startMail();
const server = await startMailServer({ manner: 'stalls' });
const registry = await startProcess('registry/main.ts', {});
afterAll(async () => {
  await service.close();
  await server.close();
  await registry.stop();
});

test('a mail whose worker is killed while sending it is sent once by the next worker', async () => {
  // The real queue, which may hold messages of other tests.
  const inspection = service.rabbit.openChannel('inspection', async (channel) => {
    await channel.deleteQueue('mail');
  });
  await inspection.opened();
  await inspection.close();
  service.address.register(service.runtime, [registry.url], {
    name: 'mail',
    grpc_port: service.grpcPort,
    routes: [],
  });
  const startWorker = () =>
    startProcess('workers/mail/main.ts', {
      REGISTRY_URL: registry.url,
      AMQP_URL: amqpUrl(),
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: String(server.port),
    });
  const first = await startWorker();
  service.relay();
  const address = `${Bun.randomUUIDv7()}@example.com`;
  const queued = await service.call('POST', '/mails', {
    authorization: await service.serviceToken('mail'),
    body: {
      to: { address },
      content: { template: 'notification', values: { title: 'News', text: 'Something happened' } },
    },
  });
  expect(queued.status).toBe(202);
  await eventually(() => server.stalled() === 1);
  await first.kill();

  server.manner = 'takes';
  const second = await startWorker();
  try {
    const read = async () =>
      (await service.call('GET', `/mails/${queued.body.id}`, { authorization: service.operator })).body;
    await eventually(async () => (await read()).status === 'sent');
    expect(await read()).toMatchObject({ attempts: 2, address, subject: 'New notification' });
    expect(server.mails.map((mail) => mail.to?.[0]?.address)).toEqual([address]);
  } finally {
    // It would take the messages of the next run.
    await second.stop();
  }
}, 60_000);
