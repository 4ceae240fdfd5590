import { createLogger } from '#kit/log';
import { createRuntime, type Runtime } from '#kit/runtime';

/** A runtime for one test file; close it in `afterAll`. Errors are shown, the rest is quiet. */
export const testRuntime = async (name: string): Promise<Runtime> =>
  createRuntime({
    name,
    version: 'test',
    log: await createLogger({ name, level: process.env.LOG_LEVEL ?? 'error' }),
  });
