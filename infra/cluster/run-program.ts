import type { Command } from '../child';

const TIMEOUT_MS = 120_000;

/**
 * Runs a program to its end or until the signal aborts, with no variables but PATH and those of the command.
 *
 * @returns its output
 * @throws with what it wrote when it fails, or does not end in time
 */
export async function runProgram(
  { program, args, environment }: Command,
  signal?: AbortSignal,
): Promise<string> {
  const child = Bun.spawn([program, ...args], {
    env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    ...(signal !== undefined && { signal }),
  });
  const [output, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  // The arguments may contain a password.
  if ((await child.exited) !== 0) throw new Error(`${program} failed:\n${output}${error}`);
  return output;
}
