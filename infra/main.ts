import { listenForEnd, untilAborted } from './end-signals';
import { installServers } from './install';
import { startStack } from './stack';
import { DEVELOPMENT_FOLDER, forgetState, STACK_FILE, writeState } from './state';

/** Runs the development stack in the foreground until it is asked to end. */
async function main(signal: AbortSignal) {
  if (!installServers()) return 1;
  const stack = await startStack({
    folder: DEVELOPMENT_FOLDER,
    profile: 'development',
    report: console.log,
    onRestart: writeState,
    signal,
  });
  writeState(stack);
  console.log(`All servers are up; their addresses: ${STACK_FILE}`);
  await untilAborted(signal);
  console.log('Stopping the servers');
  await stack.stop();
  forgetState();
  console.log('All servers have stopped');
  return 0;
}

const { signal } = listenForEnd();
try {
  process.exitCode = await main(signal);
} catch (failure) {
  console.error(failure instanceof Error ? failure.message : failure);
  process.exitCode = signal.aborted ? 0 : 1;
}
