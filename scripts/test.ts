import { join } from 'node:path';
import { FolderInUse } from '../infra/folder-lock';
import { installServers } from '../infra/install';
import { markOf, stopProcessesOf } from '../infra/processes';
import { listenForShutdown } from '../infra/shutdown-signals';
import { type Stack, startStack, TEST_PORT_OFFSET } from '../infra/stack';
import { summarize, type TestSummary } from './test/summary';

const ROOT = join(import.meta.dir, '..');
const PROGRAMS = join(ROOT, 'node_modules', '.bin');
/** Concurrent test runs in one checkout, each with a stack of its own. */
const MAX_STACKS = 8;
/** Ends tests that hang. Conditions that are awaited (`eventually`) have half of it, to fail with their own message. */
const TEST_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 30 * 60_000;

const CHECKS = [
  { name: 'format', command: [join(PROGRAMS, 'biome'), 'format', '.'] },
  { name: 'lint', command: [join(PROGRAMS, 'biome'), 'check', '--formatter-enabled=false', '.'] },
  { name: 'types', command: [join(PROGRAMS, 'tsc'), '--noEmit'] },
];

/** Runs all checks and tests on a stack of its own; the last line of the output is `N passed, N failed`. */
async function main(testArguments: readonly string[], signal: AbortSignal): Promise<boolean> {
  if (!installServers('tests')) return finish({ passed: 0, failed: 1 });
  const starting = startTestStack(signal);
  // Awaited below; until then a rejection must not end the process.
  starting.catch(() => undefined);
  let failedChecks = 0;
  for (const check of CHECKS) if (!(await runCheck(check, signal))) failedChecks++;
  let summary: TestSummary = { passed: 0, failed: 1 };
  try {
    const { stack, folder } = await starting;
    try {
      const environment = { ...stack.environment };
      // A part of the tests starts few processes: bundling them all would take longer.
      if (testArguments.length === 0) {
        environment.TEST_BUNDLES = join(folder, 'bundles');
        const command = [process.execPath, join(import.meta.dir, 'build.ts'), environment.TEST_BUNDLES];
        if (!(await runCheck({ name: 'bundling', command }, signal))) throw new Error('No tests were run');
      }
      if (!signal.aborted) summary = await runTests(environment, folder, testArguments, signal);
    } finally {
      await stack.stop();
    }
  } catch (failure) {
    console.error(failure instanceof Error ? failure.message : failure);
  }
  if (signal.aborted) console.error('The run was cancelled');
  return finish({ ...summary, failed: summary.failed + failedChecks });
}

function finish(summary: TestSummary): boolean {
  console.log(`${summary.passed} passed, ${summary.failed} failed`);
  return summary.failed === 0;
}

async function startTestStack(signal: AbortSignal): Promise<{ stack: Stack; folder: string }> {
  for (let number = 1; ; number++) {
    const folder = join(ROOT, '.data', number === 1 ? 'test' : `test-${number}`);
    const portOffset = TEST_PORT_OFFSET + (number - 1) * 100;
    try {
      return { stack: await startStack({ folder, profile: 'test', portOffset, signal }), folder };
    } catch (failure) {
      if (!(failure instanceof FolderInUse) || number === MAX_STACKS) throw failure;
    }
  }
}

/** @returns whether it passed */
async function runCheck(
  { name, command }: { name: string; command: readonly string[] },
  signal: AbortSignal,
): Promise<boolean> {
  console.log(`Checking ${name}`);
  const check = Bun.spawn([...command], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], signal });
  const passed = (await check.exited) === 0;
  if (!passed) console.error(`The ${name} check failed`);
  return passed;
}

async function runTests(
  environment: Readonly<Record<string, string>>,
  folder: string,
  testArguments: readonly string[],
  signal: AbortSignal,
): Promise<TestSummary> {
  console.log('Running the tests');
  const testFolder = join(folder, 'tests');
  const run = Bun.spawn([process.execPath, 'test', `--timeout=${TEST_TIMEOUT_MS}`, ...testArguments], {
    cwd: ROOT,
    env: { ...process.env, ...environment, ...markOf(testFolder), NODE_ENV: 'test' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    timeout: RUN_TIMEOUT_MS,
    signal,
  });
  const output = Promise.all([forward(run.stdout, process.stdout), forward(run.stderr, process.stderr)]);
  const exitCode = await run.exited;
  // Processes that the tests have left running would keep the output open.
  await stopProcessesOf(testFolder, { graceMs: 2_000 });
  return summarize((await output).join('\n'), exitCode);
}

/** Forwards a stream and returns its end, which contains the counts. */
async function forward(stream: ReadableStream<Uint8Array>, output: NodeJS.WriteStream): Promise<string> {
  const decoder = new TextDecoder();
  let tail = '';
  for await (const bytes of stream) {
    output.write(bytes);
    tail = (tail + decoder.decode(bytes, { stream: true })).slice(-100_000);
  }
  return tail;
}

process.exitCode = (await main(process.argv.slice(2), listenForShutdown().signal)) ? 0 : 1;
