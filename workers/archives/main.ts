import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArchivesServiceDefinition } from '#contracts/gen/archives/v1/archives';
import { PortabilityServiceDefinition } from '#contracts/gen/portability/v1/portability';
import { readEnv } from '#kit/config/environment';
import { archiveStorageFields, beanstalkdFields, storageFields, workerFields } from '#kit/config/fields';
import { openArchiveStorage, openStorage } from '#kit/storage/open';
import { startJobWorker } from '#kit/worker';
import { archivesWorker } from '.';
import { PORTABLE_SERVICES } from './portable-services';

const env = readEnv({
  ...workerFields(7109),
  ...beanstalkdFields,
  ...storageFields,
  ...archiveStorageFields,
});
const { runtime, grpcClient, run } = await startJobWorker('archives-worker', env);
const folder = join(tmpdir(), `rookery-archives-${process.pid}`);
runtime.onClose('import folder', () => rm(folder, { recursive: true, force: true }));
const clients = new Map(
  PORTABLE_SERVICES.map((service) => [service, grpcClient(service, PortabilityServiceDefinition)] as const),
);
run(
  archivesWorker({
    archiveStorage: await openArchiveStorage(runtime, env),
    mediaStorage: await openStorage(runtime, env),
    archives: grpcClient('archives', ArchivesServiceDefinition),
    portability(service) {
      const client = clients.get(service);
      if (client === undefined) throw new Error(`no client of ${service}`);
      return client;
    },
    folder,
  }),
);
