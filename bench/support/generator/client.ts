import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FromGenerator, Load, LoadResult, Plan, ToGenerator } from './plan';

export interface Generator {
  readonly pid: number;
  /** Loads another plan. */
  prepare(plan: Plan): Promise<void>;
  /** @param onWarm called at the end of the warm-up */
  run(load: Load, onWarm: () => void): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts the process that generates load. @param folder for its plan */
export function startGenerator(folder: string): Generator {
  let receive: (message: FromGenerator) => void = () => undefined;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'process.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
    ipc: (message: FromGenerator) => receive(message),
  });

  const ask = (message: ToGenerator, onMessage: (answer: FromGenerator) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      void child.exited.then((code) => reject(new Error(`The generator exited with ${code}`)));
      receive = (answer) => {
        if (typeof answer === 'object' && 'failure' in answer) reject(new Error(answer.failure));
        else if (onMessage(answer)) resolve();
      };
      child.send(message);
    });

  return {
    pid: child.pid,
    async prepare(plan) {
      const file = join(folder, 'plan.json');
      // It has access tokens.
      writeFileSync(file, JSON.stringify(plan), { mode: 0o600 });
      await ask({ plan: file }, (answer) => answer === 'ready');
      rmSync(file);
    },
    async run(load, onWarm) {
      let result: LoadResult | undefined;
      await ask({ load }, (answer) => {
        if (answer === 'warm') onWarm();
        if (typeof answer !== 'object' || !('result' in answer)) return false;
        result = answer.result;
        return true;
      });
      if (result === undefined) throw new Error('The generator has no result');
      return result;
    },
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
    },
  };
}
