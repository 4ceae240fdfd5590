import type { System } from './system';

const READY_MS = 5_000;
const LINES_KEPT = 25;

/** Readiness and latest warnings of processes, to explain the failure of a test that cannot be repeated at will. */
export async function describeProcesses(system: System, names: readonly string[]): Promise<string> {
  const reports = names.flatMap((name) =>
    system
      .instances(name)
      .map(async ({ url, output }) => [
        `process ${name}: ${await readiness(url)}`,
        ...warnings(output()).map((line) => `  ${line}`),
      ]),
  );
  return (await Promise.all(reports)).flat().join('\n');
}

const readiness = (url: string): Promise<string> =>
  fetch(`${url}/readyz`, { signal: AbortSignal.timeout(READY_MS) }).then(
    (response) => response.text(),
    (failure) => String(failure),
  );

const warnings = (output: string) =>
  output
    .split('\n')
    .filter((line) => line !== '' && !line.includes('"level":"info"'))
    .slice(-LINES_KEPT);
