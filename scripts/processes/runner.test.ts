import { afterEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markOf, processesOf, until } from '../../infra/processes';
import { parseProcfile } from './procfile';
import { type ProcessRunner, runProcesses } from './runner';

const folder = mkdtempSync(join(tmpdir(), 'rookery-runner-'));
let runner: ProcessRunner | undefined;
afterEach(async () => {
  await runner?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function run(procfile: string, graceMs = 5_000, programs?: readonly string[]) {
  const lines: string[] = [];
  const started = runProcesses({
    entries: parseProcfile(procfile).map((entry) => ({ ...entry, ...(programs && { programs }) })),
    folder: tmpdir(),
    environment: { GREETING: 'hello', ...markOf(folder) },
    logFolder: join(folder, 'logs'),
    show: (name, line) => lines.push(`${name}: ${line}`),
    graceMs,
    restart: { baseMs: 10, capMs: 50 },
  });
  runner = started;
  const shows = (line: string) => until(() => lines.includes(line), 30_000);
  return { runner: started, lines, shows };
}

test('output is prefixed with the process name and written to its log', async () => {
  const { shows } = run(`one: env NAME=rook sh -c 'echo "$GREETING $NAME"; exec sleep 300'`);
  expect(await shows('one: hello rook')).toBe(true);
  expect(readFileSync(join(folder, 'logs', 'one.log'), 'utf8')).toContain('hello rook');
});

test('programs that share a process have logs of their own; what none of them wrote is in that of the process', async () => {
  const script = `echo '{"level":"info","name":"users","msg":"a"}'; echo '{"msg":{"name":"users"},"b":1}'; echo plain; sleep 300`;
  mkdirSync(folder, { recursive: true });
  const scriptFile = join(folder, 'script.sh');
  writeFileSync(scriptFile, script);
  const { shows, runner } = run(`all: sh ${scriptFile}`, 100, ['users', 'posts']);
  expect(await shows('all: plain')).toBe(true);
  const logOf = (name: string) => readFileSync(join(folder, 'logs', `${name}.log`), 'utf8');
  expect([logOf('users'), logOf('posts')]).toEqual(['{"level":"info","name":"users","msg":"a"}\n', '']);
  expect(logOf('all')).toBe('{"msg":{"name":"users"},"b":1}\nplain\n');
  expect(runner.states()[0]?.programs).toEqual(['users', 'posts']);
});

test('a process that crashes is restarted', async () => {
  const { runner, lines } = run('one: sh -c "echo up; exit 3"');
  expect(await until(() => lines.filter((line) => line === 'one: up').length >= 3, 30_000)).toBe(true);
  expect(runner.states()[0]?.restarts).toBeGreaterThanOrEqual(2);
});

test('a process that exits with a configuration error is not restarted', async () => {
  const { runner } = run('one: sh -c "exit 78"');
  expect(await until(() => runner.states()[0]?.state === 'misconfigured', 30_000)).toBe(true);
  expect(runner.states()[0]?.restarts).toBe(0);
});

test('stopping lets a process drain and leaves none of its children behind', async () => {
  const drains = `trap 'echo drained; exit 0' TERM; sleep 300 & echo up; wait`;
  const { runner, lines, shows } = run(`one: sh -c "${drains}"`);
  expect(await shows('one: up')).toBe(true);
  await runner.stop();
  expect(lines).toContain('one: drained');
  expect(runner.states()[0]?.state).toBe('stopped');
  expect(processesOf(folder)).toEqual([]);
});

test('a process that does not exit within the grace period is killed', async () => {
  const { runner, shows } = run(`one: sh -c "trap '' TERM; echo up; while :; do sleep 0.1; done"`, 100);
  expect(await shows('one: up')).toBe(true);
  await runner.stop();
  expect(processesOf(folder)).toEqual([]);
});

test('a second stop kills at once', async () => {
  const { runner, shows } = run(`one: sh -c "trap '' TERM; echo up; while :; do sleep 0.1; done"`, 600_000);
  expect(await shows('one: up')).toBe(true);
  const first = runner.stop();
  await Promise.all([runner.stop(), first]);
  expect(processesOf(folder)).toEqual([]);
});
