import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { renderPicture } from './render-picture';
import { COPY_NAME, stripFile } from './stripping/strip';

/**
 * Takes a file apart in a process of its own, without the worker's secrets, which can be killed at any time: a malicious file
 * affects nothing else. Arguments: the task, the file, its type and a folder for the output. Writes lines of JSON to stdout,
 * the last of which is the result.
 */

/** In case the worker has died. */
const MAX_LIFETIME_MS = 120_000;
setTimeout(() => process.exit(1), MAX_LIFETIME_MS).unref();

const [, , task = '', path = '', type = '', folder = ''] = process.argv;
const report = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const strip = () => ({ copied: stripFile(path, type, join(folder, COPY_NAME)) });
if (task === 'strip') report(strip());
else {
  report({ step: 'started' });
  const rendered = await renderPicture({ path, type, folder, onDecoded: () => report({ step: 'decoded' }) });
  report('rejected' in rendered ? rendered : { ...rendered, ...strip() });
}
