import type { ArchivesServiceDefinition } from '#contracts/gen/archives/v1/archives';
import type { PortabilityServiceDefinition } from '#contracts/gen/portability/v1/portability';
import type { GrpcClient } from '#kit/grpc/client';
import type { FileStorage } from '#kit/storage/file-storage';
import type { PortableService } from './portable-services';

export interface ArchivesWorkerDeps {
  readonly archiveStorage: FileStorage;
  /** Where the services find the files of records. */
  readonly mediaStorage: FileStorage;
  readonly archives: GrpcClient<ArchivesServiceDefinition>;
  readonly portability: (service: PortableService) => GrpcClient<PortabilityServiceDefinition>;
  /** Holds archives while they are imported. */
  readonly folder: string;
}
