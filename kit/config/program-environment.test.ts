import { expect, test } from 'bun:test';
import { startProgram, takeProgramEnvironment } from './program-environment';

/** As a `main.ts` does: reads its environment, then goes on. */
async function program(seen: (NodeJS.ProcessEnv | undefined)[]) {
  await Promise.resolve();
  seen.push(takeProgramEnvironment());
  await Bun.sleep(1);
}

test('each program is handed its own environment, while those before it go on', async () => {
  const seen: (NodeJS.ProcessEnv | undefined)[] = [];
  const first = await startProgram({ PORT: '1' }, () => program(seen));
  const second = await startProgram({ PORT: '2' }, () => program(seen));
  expect(seen).toEqual([{ PORT: '1' }, { PORT: '2' }]);
  await Promise.all([first.started, second.started]);
});

test('a program that has the process to itself is handed none', () => {
  expect(takeProgramEnvironment()).toBeUndefined();
});

test('a program that ends or fails without having read its environment is reported, and the next one gets its own', async () => {
  const silent = () => Promise.resolve();
  await expect(startProgram({ PORT: '1' }, silent)).rejects.toThrow('has not read its environment');
  const failing = () => Promise.reject(new Error('no such module'));
  await expect(startProgram({ PORT: '1' }, failing)).rejects.toThrow('no such module');
  const seen: (NodeJS.ProcessEnv | undefined)[] = [];
  await (await startProgram({ PORT: '2' }, () => program(seen))).started;
  expect(seen).toEqual([{ PORT: '2' }]);
});
