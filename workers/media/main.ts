import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import { readEnv } from '#kit/config/environment';
import { amqpFields, storageFields, workerFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry/client';
import { openStorage } from '#kit/storage/open';
import { runEventWorker, serveOperations } from '#kit/worker';
import { mediaWorker } from '.';
import { renderInProcess } from './rendering';

const env = readEnv({ ...workerFields(7105), ...amqpFields, ...storageFields });
const runtime = await startProcess('media-worker', env);
const folder = join(tmpdir(), `rookery-media-${process.pid}`);
runtime.onClose('pictures in work', () => rm(folder, { recursive: true, force: true }));
const worker = mediaWorker({
  storage: await openStorage(runtime, env),
  media: createGrpcClient(runtime, {
    service: 'media',
    definition: MediaServiceDefinition,
    registry: watchRegistry(runtime, { urls: env.REGISTRY_URL }),
    internalSecret: env.INTERNAL_SECRET,
  }),
  render: renderInProcess,
  folder,
});
runEventWorker(runtime, worker, openRabbit(runtime, { url: env.AMQP_URL, required: true }));
serveOperations(runtime, env);
