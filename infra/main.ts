import { installServers } from './install';
import { FolderInUse } from './owner';
import { type Stack, startStack } from './stack';
import { DEVELOPMENT_FOLDER, forgetState, writeState } from './state';

/** Runs the development stack in the foreground until it is asked to end. */
async function main() {
  if (!installServers()) process.exit(1);
  const stack = await startStack({
    folder: DEVELOPMENT_FOLDER,
    profile: 'development',
    report: console.log,
    onRestart: writeState,
  });
  writeState(stack);
  for (const [name, value] of Object.entries(stack.environment)) console.log(`${name}=${value}`);
  await endSignal();
  console.log('stopping the servers');
  await end(stack);
}

async function end(stack: Stack) {
  await stack.stop();
  forgetState();
  console.log('all servers have stopped');
}

/** The servers do not keep this process alive; the timer does, until the signal comes. */
function endSignal(): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 60_000);
    const ended = () => {
      clearInterval(alive);
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ended);
  });
}

main().catch((failure) => {
  const message = failure instanceof Error ? failure.message : String(failure);
  console.error(failure instanceof FolderInUse ? `The local stack runs already: ${message}` : message);
  process.exit(1);
});
