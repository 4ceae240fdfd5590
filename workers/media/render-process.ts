import { writeSync } from 'node:fs';
import { renderPicture } from './render-picture';

/**
 * Decodes a picture in a process of its own, without the worker's secrets, which can be killed at any time: a malicious
 * file affects nothing else. Arguments: the file, its type and a folder for the output. Writes lines of JSON to stdout,
 * the last of which is the result.
 */

/** In case the worker has died. */
const MAX_LIFETIME_MS = 120_000;
setTimeout(() => process.exit(1), MAX_LIFETIME_MS).unref();

const [, , path = '', type = '', folder = ''] = process.argv;
const report = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
report({ step: 'started' });
report(await renderPicture({ path, type, folder, onDecoded: () => report({ step: 'decoded' }) }));
