import { describe, expect, test } from 'bun:test';
import { pino } from 'pino';
import { inTurns, logReady } from './log';

/** Logs in a separate process and returns its output. */
async function logged(statement: string, stderr: 'inherit' | 'ignore' = 'inherit'): Promise<string> {
  const program = `import { createLogger } from '${import.meta.dir}/log'; const log = await createLogger({ name: 'test' }); ${statement}`;
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr });
  return new Response(child.stdout).text();
}

test('a log line is one JSON object with time, level and name', async () => {
  const line = JSON.parse(await logged(`log.info({ route: '/x' }, 'request');`));
  expect(line).toMatchObject({ level: 'info', name: 'test', route: '/x', msg: 'request' });
  expect(Number.isNaN(Date.parse(line.time))).toBe(false);
});

test('a line of ready fields is like one of the logger', async () => {
  const fields = { status: 200, route: '/x"y' };
  const [first = '', second = ''] = (
    await logged(
      `const { logReady } = await import('${import.meta.dir}/log');
      log.info(${JSON.stringify(fields)}, 'request'); logReady(log, '"status":200,"route":"/x\\\\"y"', 'request');`,
    )
  ).split('\n');
  const { time, ...ready } = JSON.parse(second);
  expect({ ...ready, time: '' }).toEqual({ ...JSON.parse(first), time: '' });
  expect(Number.isNaN(Date.parse(time))).toBe(false);
});

test('a line of ready fields follows the level of the logger', () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
  logReady(log, '"status":200', 'request');
  expect(lines).toEqual([]);
});

describe('lines are written', () => {
  function createScene() {
    const written: string[] = [];
    const due: (() => void)[] = [];
    const lines = inTurns(
      (text) => void written.push(text),
      (work) => due.push(work),
    );
    return { written, due, log: pino({ base: null, timestamp: false, messageKey: 'm' }, lines), lines };
  }
  const line = (level: number, m: string) => `{"level":${level},"m":"${m}"}\n`;

  test('once for a turn of the event loop', () => {
    const { written, due, log } = createScene();
    log.info('one');
    log.info('two');
    expect([written, due.length]).toEqual([[], 1]);
    due[0]?.();
    expect(written).toEqual([line(30, 'one') + line(30, 'two')]);
    log.info('three');
    expect(due).toHaveLength(2);
  });

  test('at once from warn on, after those before', () => {
    const { written, due, log } = createScene();
    log.info('one');
    log.warn('two');
    expect(written).toEqual([line(30, 'one') + line(40, 'two')]);
    due[0]?.();
    logReady(log, '"n":3', 'three');
    expect(written).toHaveLength(1);
  });

  test('at once when there are many', () => {
    const { written, log } = createScene();
    for (let count = 0; count < 3; count++) log.info('x'.repeat(30_000));
    expect(written).toHaveLength(1);
  });

  test.each([
    'process.exit(0)',
    "throw new Error('crash')",
    'await new Promise((done) => setTimeout(done, 1))',
  ])('all of them before the process ends: %s', async (ending) => {
    const lines = await logged(`log.info('one'); log.info('last'); ${ending};`, 'ignore');
    expect(lines.split('\n').filter((text) => text.includes('"last"'))).toHaveLength(1);
  });
});

test('secrets that are logged by mistake are redacted', async () => {
  const fields = [
    'password',
    'token',
    'access_token',
    'refresh_token',
    'lease_secret',
    'proof_key',
    'authorization',
    'cookie',
  ];
  const secrets = JSON.stringify(Object.fromEntries(fields.map((field) => [field, 'hunter2'])));
  const lines = await logged(
    `log.info(${secrets}); log.info({ headers: ${secrets} }); log.info({ body: ${secrets} });`,
  );
  expect(lines.split('\n').filter((line) => line !== '')).toHaveLength(3);
  expect(lines).toContain('[redacted]');
  expect(lines).not.toContain('hunter2');
});
