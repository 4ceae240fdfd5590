import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import { readEnv } from '#kit/config/environment';
import { amqpFields, storageFields, workerFields } from '#kit/config/fields';
import { openStorage } from '#kit/storage/open';
import { runEventWorker, startEventWorker } from '#kit/worker';
import { copyingWorker, mediaWorker } from '.';
import { renderInProcess, stripInProcess } from './rendering';

const env = readEnv({ ...workerFields(7105), ...amqpFields, ...storageFields });
const { runtime, rabbit, grpcClient, run } = await startEventWorker('media-worker', env);
const folder = join(tmpdir(), `rookery-media-${process.pid}`);
runtime.onClose('rendering folder', () => rm(folder, { recursive: true, force: true }));
const deps = {
  storage: await openStorage(runtime, env),
  media: grpcClient('media', MediaServiceDefinition),
  render: renderInProcess,
  strip: stripInProcess,
  folder,
};
runEventWorker(runtime, copyingWorker(deps), rabbit);
run(mediaWorker(deps));
