import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { startProgram } from '#kit/config/program-environment';
import { createLogger } from '#kit/core/log';
import { shareProcess } from '#kit/core/process-lifetime';
import { type ProcfileProgram, parseProcfile, programsIn } from '../scripts/processes/procfile';

/**
 * Runs every program of the Procfile in this process, each with the variables of its line: the compact profile. Its argument
 * names another Procfile. The programs are the same as in processes of their own, and reach each other over loopback.
 */
const programs = programsIn(parseProcfile(readFileSync(process.argv[2] ?? 'Procfile', 'utf8')));

/** Beside this one: the sources, or their bundles. */
const mainOf = ({ folder }: ProcfileProgram) =>
  join(import.meta.dir, '..', folder, `main${extname(import.meta.path)}`);

/**
 * Callers close before those they call: the gateway lets its requests end, workers their messages; then the services, and
 * the registry, which they leave, last.
 */
function stageOf(name: string): number {
  if (name === 'gateway') return 0;
  if (name === 'registry') return 3;
  return programs.some((program) => program.name === name && program.folder.startsWith('workers/')) ? 1 : 2;
}

shareProcess({
  log: await createLogger({ name: 'compact', level: process.env.LOG_LEVEL || 'info' }),
  stageOf,
});
const starting: Promise<unknown>[] = [];
for (const program of programs) {
  // Further workers of the gateway would be further processes of everything.
  const environment = { ...process.env, GATEWAY_WORKERS: '1', ...program.environment };
  const { started } = await startProgram(environment, () => import(mainOf(program)));
  starting.push(started);
}
await Promise.all(starting);
