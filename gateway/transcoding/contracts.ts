import { readFile } from 'node:fs/promises';
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
// Its path; a bundle brings the file along.
import descriptorsFile from '../../contracts/gen/descriptors.binpb' with { type: 'file' };

/** The contracts of all services as descriptions that can be read at run time. */
export async function readContracts(): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(descriptorsFile)));
}
