import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
// Imports its path; a bundle includes the file.
import descriptorsFile from '../../contracts/gen/descriptors.binpb' with { type: 'file' };

/** In a bundle the imported path is relative to the bundle. */
const DESCRIPTORS = resolve(import.meta.dir, descriptorsFile);

/** The descriptors of all services' contracts. */
export async function readContracts(): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(DESCRIPTORS)));
}
