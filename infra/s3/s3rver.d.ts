/** The parts of s3rver that are used here; the package has no types. */
declare module 's3rver' {
  import type FilesystemStore from 's3rver/lib/stores/filesystem.js';

  export default class S3rver {
    constructor(options: { directory: string; address: string; port: number; silent: boolean });
    store: FilesystemStore;
    /** What each request has. */
    readonly context: { store: FilesystemStore };
    run(): Promise<{ address: string; port: number }>;
  }
}

declare module 's3rver/lib/stores/filesystem.js' {
  export interface NewObject {
    readonly bucket: string;
    readonly key: string;
    /** The request, or what is read of parts. */
    readonly content: AsyncIterable<Uint8Array> | Buffer;
    readonly metadata: Readonly<Record<string, string>>;
  }

  export default class FilesystemStore {
    constructor(folder: string);
    getResourcePath(bucket: string, key: string, resource: 'object'): string;
    putMetadata(bucket: string, key: string, metadata: NewObject['metadata'], md5: string): Promise<void>;
    putObject(object: NewObject): Promise<{ size: number; md5: string }>;
  }
}
