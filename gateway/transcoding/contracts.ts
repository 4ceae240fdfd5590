import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
// Its path; a bundle brings the file along.
import descriptorsFile from '../../contracts/gen/descriptors.binpb' with { type: 'file' };

/** In a bundle the import gives a path that is relative to the bundle. */
const DESCRIPTORS = resolve(import.meta.dir, descriptorsFile);

/** The contracts of all services as descriptions that can be read at run time. */
export async function readContracts(): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(DESCRIPTORS)));
}
