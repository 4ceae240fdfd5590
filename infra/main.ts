import { untilUnused } from './connections';
import { installServers } from './install';
import { listenForShutdown, untilAborted } from './shutdown-signals';
import { startStack } from './stack';
import { clearState, DEVELOPMENT_FOLDER, STACK_FILE, writeState } from './state';

/** Runs the development stack in the foreground until it is asked to shut down; with `--compact`, in little memory. */
async function main(signal: AbortSignal) {
  if (!installServers()) return 1;
  const stack = await startStack({
    folder: DEVELOPMENT_FOLDER,
    profile: process.argv.includes('--compact') ? 'compact' : 'development',
    report: console.log,
    onRestart: writeState,
    signal,
  });
  writeState(stack);
  console.log(`All servers are up; addresses: ${STACK_FILE}`);
  await untilAborted(signal);
  console.log('Waiting for the processes that use the servers');
  await untilUnused(stack.environment);
  console.log('Stopping the servers');
  await stack.stop();
  clearState();
  console.log('All servers have stopped');
  return 0;
}

const { signal } = listenForShutdown();
try {
  process.exitCode = await main(signal);
} catch (failure) {
  console.error(failure instanceof Error ? failure.message : failure);
  process.exitCode = signal.aborted ? 0 : 1;
}
