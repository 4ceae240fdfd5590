import { writeSync } from 'node:fs';
import { renderPicture } from './render-picture';

/**
 * A picture is decoded in a process of its own, with none of the worker's secrets, that can be ended at any moment: what
 * a file does to the decoder it does to nobody else. Called with the file, its type and a folder to write to; answers
 * on stdout in lines of JSON, the last of which is the outcome.
 */

/** Should whoever started it have died. */
const LONGEST_LIFE_MS = 120_000;
setTimeout(() => process.exit(1), LONGEST_LIFE_MS).unref();

const [, , path = '', type = '', folder = ''] = process.argv;
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
say({ step: 'started' });
say(await renderPicture({ path, type, folder, onDecoded: () => say({ step: 'decoded' }) }));
