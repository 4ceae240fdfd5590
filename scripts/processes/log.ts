import { closeSync, writeSync } from 'node:fs';
import { prettyFactory } from 'pino-pretty';
import { MAX_LOG_BYTES, openLog, rotateLog } from '../../infra/log-files';

/** Longer lines are split. */
const MAX_LINE_LENGTH = 64 * 1024;

/** Opens a log file of bounded size; each run starts a new file. */
export function openProcessLog(file: string, maxBytes = MAX_LOG_BYTES) {
  rotateLog(file);
  let descriptor = openLog(file);
  let written = 0;
  return {
    writeLine(line: string) {
      const bytes = writeSync(descriptor, `${line}\n`);
      written += bytes;
      if (written < maxBytes) return;
      closeSync(descriptor);
      rotateLog(file);
      descriptor = openLog(file);
      written = 0;
    },
    close: () => closeSync(descriptor),
  };
}

/** Calls `onLine` for each line of a stream until it ends. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
    if (rest.length > MAX_LINE_LENGTH) {
      onLine(rest);
      rest = '';
    }
  }
  if (rest !== '') onLine(rest);
}

const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** Prints the lines of many processes, prefixed with their names; on a terminal with colors and formatted JSON. */
export function createScreen(names: readonly string[], output: NodeJS.WriteStream = process.stdout) {
  const width = Math.max(...names.map((name) => name.length), 0);
  const pretty = prettyFactory({ colorize: true, ignore: 'pid,name', translateTime: 'SYS:HH:MM:ss.l' });
  return (name: string, line: string) => {
    const label = name.padEnd(width);
    if (!output.isTTY) return void output.write(`${label} | ${line}\n`);
    const color = COLORS[Math.max(names.indexOf(name), 0) % COLORS.length];
    const readable = line.startsWith('{') ? pretty(line).trimEnd() : line;
    output.write(`\x1b[${color}m${label} |\x1b[0m ${readable}\n`);
  };
}
