import { resolve } from 'node:path';
// Yields the path of the file and adds the file to a bundle; there the path is relative to the bundle of this module.
import path from '../../contracts/gen/descriptors.binpb' with { type: 'file' };

/** The file with the descriptors of all contracts: a `google.protobuf.FileDescriptorSet`. */
export const CONTRACT_DESCRIPTORS = resolve(import.meta.dir, path);
