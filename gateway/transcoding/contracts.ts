import { readFile } from 'node:fs/promises';
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { CONTRACT_DESCRIPTORS } from '#kit/grpc/contract-descriptors';

/** The descriptors of all services' contracts. */
export async function readContracts(): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(CONTRACT_DESCRIPTORS)));
}
