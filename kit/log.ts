import { type DestinationStream, type Logger, pino } from 'pino';
import { describeError } from './error-description';

export type { Logger } from 'pino';

/** Wherever these appear in a logged object, their value is replaced. */
const SECRET_FIELDS = [
  'password',
  'token',
  'access_token',
  'refresh_token',
  'lease_secret',
  'secret',
  'authorization',
  'cookie',
];
const REDACTED_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

/**
 * A logger that writes one JSON object a line, or readable lines on a terminal.
 *
 * @param name the process, as in the Procfile
 * @param level pino level; `silent` writes nothing
 */
export async function createLogger(options: { name: string; level?: string }): Promise<Logger> {
  const settings = {
    name: options.name,
    level: options.level ?? 'info',
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    serializers: { err: describeError },
    timestamp: pino.stdTimeFunctions.isoTime,
    base: { pid: process.pid },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (!process.stdout.isTTY) return pino(settings, jsonLines());
  // Loaded only for a terminal: production processes need not carry it in memory.
  const { default: pretty } = await import('pino-pretty');
  return pino(settings, pretty({ ignore: 'pid,name', translateTime: 'SYS:HH:MM:ss.l', sync: true }));
}

/** A line is gathered with others for up to 50 ms: one write instead of one for each request. */
function jsonLines(): DestinationStream {
  return pino.destination({ fd: 1, sync: true });
}
