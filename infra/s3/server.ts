import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import S3rver from 's3rver';
import { removeStagedBefore } from '#kit/storage/staging';
import { WholeObjects } from './whole-objects';

/**
 * An S3-compatible server for development and tests, which has one account and checks no signature of version 4:
 *
 *     bun infra/s3/server.ts --folder=.data/s3 --host=127.0.0.1 --port=9000
 */
const { values } = parseArgs({
  options: { folder: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' } },
});
const { folder, host, port } = values;
if (folder === undefined || host === undefined || port === undefined)
  throw new Error('Pass --folder, --host and --port');

const buckets = join(folder, 'buckets');
const staging = join(folder, 'incoming');
mkdirSync(buckets, { recursive: true });
// What was received when it was killed.
await removeStagedBefore(staging, -1);
const server = new S3rver({ directory: buckets, address: host, port: Number(port), silent: true });
server.store = server.context.store = new WholeObjects({ buckets, staging });
await server.run();
