/** A started process of the house, listening. */
export interface TestProcess {
  readonly url: string;
  readonly pid: number;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

const START_MS = 15_000;

/**
 * Starts a process as the Procfile would, on a free port.
 *
 * @param main its entry, relative to this folder
 * @throws with what it wrote when it does not say in time that it listens
 */
export async function startTestProcess(
  main: string,
  environment: Record<string, string>,
): Promise<TestProcess> {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/${main}`], {
    env: { ...process.env, NODE_ENV: 'test', PORT: '0', LOG_LEVEL: 'info', ...environment },
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS);
  const url = await addressIn(child.stdout);
  clearTimeout(late);
  if (url === undefined) throw new Error(`${main} did not start`);
  return {
    url,
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

/** Reads the log until it says where the process listens; the rest is read and let go, or the process would block. */
async function addressIn(log: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const reader = log.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    const address = /listening (?:with several processes )?on (https?:\/\/[^"\s]+)/.exec(text)?.[1];
    if (address === undefined) continue;
    void drain(reader);
    return address;
  }
  console.error(text);
  return undefined;
}

async function drain(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}
