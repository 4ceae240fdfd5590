import { cpuTicksOf } from '../../infra/processes';
import { readOptions } from '../support/options';
import { PASSWORD } from '../support/population';
import type { Row } from '../support/result-types';
import { report, rounded } from '../support/results';
import { withSocialSystem } from '../support/social-system';
import type { RunningSystem } from '../support/system';
import { type Answer, type Caller, signInAtOnce } from './burst';

/**
 * Many people sign in at the same moment through the gateway, each from an address and a connection of their own
 * (SIGN_INS, 2,000 by default).
 *
 * 1. `burst`: they wait for the answer. Every `503` should say when to come again, and a sign-in five seconds after the
 *    burst should be quick.
 * 2. `leave`: they close the connection after a second. What auth still does for them is work for nobody.
 */
const SIGN_INS = Number(process.env.SIGN_INS ?? 2_000);
const options = readOptions(['burst', 'leave'], { seconds: 5 });
const FRESH_AFTER_MS = 5_000;
const LEAVE_AFTER_MS = 1_000;
const WARM_UP_SIGN_INS = 50;
const MS_PER_TICK = 10;
/** Auth has nothing left to do when it has used less than this in a second. */
const QUIET_MS = 100;
const MAX_QUIET_SECONDS = 120;

const network = {
  name: `${SIGN_INS} people`,
  usernames: Array.from({ length: SIGN_INS }, (_, person) => `person_${person}`),
  followees: () => [],
};
const callers: Caller[] = network.usernames.map((username, person) => ({
  username,
  address: `10.${(person >> 16) & 255}.${(person >> 8) & 255}.${person & 255}`,
}));
const rows: Row[] = [];
const settings = {
  kept: options.kept,
  postsEach: 0,
  processes: ['registry', 'gateway', 'auth', 'users'],
  // The benchmark forwards for many addresses, as a load balancer does.
  environment: { TRUSTED_PROXIES: '127.0.0.1' },
};
await withSocialSystem(network, settings, async ({ system }) => {
  const url = new URL(system.url);
  await signInAtOnce(url, callers.slice(0, WARM_UP_SIGN_INS), { password: PASSWORD });
  const cost = await costOfOne(system, url);
  if (options.has('burst')) rows.push(await measureBurst(system, url));
  if (options.has('leave')) rows.push(await measureLeaving(system, url, cost));
});
report({ name: 'sign-in-storm', title: 'Many sign-ins at the same moment' }, rows, options.record);

async function measureBurst(system: RunningSystem, url: URL): Promise<Row> {
  const burst = signInAtOnce(url, callers, { password: PASSWORD });
  await Bun.sleep(FRESH_AFTER_MS);
  const [fresh] = await signInAtOnce(url, callers.slice(0, 1), { password: PASSWORD });
  const answers = await burst;
  const quiet = await untilQuiet(system);
  const refused = answers.filter(({ status }) => status === 503);
  if (answers.some(({ status }) => status !== 200 && status !== 503)) process.exitCode = 1;
  return {
    name: `${SIGN_INS.toLocaleString('en')} sign-ins at once`,
    figures: {
      statuses: statusesOf(answers),
      'slowest answer ms': Math.round(Math.max(...answers.map(({ ms }) => ms))),
      '503 without Retry-After': refused.filter(({ retryAfter }) => retryAfter === undefined).length,
      'fresh one 5 s later': `${fresh?.status} after ${Math.round(fresh?.ms ?? 0)} ms`,
      'auth busy afterwards, CPU ms': quiet.usedMs,
    },
  };
}

async function measureLeaving(system: RunningSystem, url: URL, cost: number): Promise<Row> {
  const answers = await signInAtOnce(url, callers, { password: PASSWORD, leaveAfterMs: LEAVE_AFTER_MS });
  const { usedMs } = await untilQuiet(system);
  const left = answers.filter(({ status }) => status === 0).length;
  return {
    name: `${SIGN_INS.toLocaleString('en')} sign-ins at once, leaving after 1 s`,
    figures: {
      statuses: statusesOf(answers),
      'left without an answer': left,
      'auth busy afterwards, CPU ms': usedMs,
      'sign-ins that is worth': rounded(usedMs / cost),
    },
  };
}

/** CPU time of auth for one sign-in, in milliseconds. */
async function costOfOne(system: RunningSystem, url: URL): Promise<number> {
  await untilQuiet(system);
  const before = ticksOfAuth(system);
  await signInAtOnce(url, callers.slice(0, WARM_UP_SIGN_INS), { password: PASSWORD });
  return ((ticksOfAuth(system) - before) * MS_PER_TICK) / WARM_UP_SIGN_INS;
}

/** Waits until auth has nothing left to do. @returns CPU time that it has used until then, in milliseconds */
async function untilQuiet(system: RunningSystem): Promise<{ usedMs: number }> {
  const first = ticksOfAuth(system);
  let last = first;
  for (let second = 0; second < MAX_QUIET_SECONDS; second++) {
    await Bun.sleep(1_000);
    const now = ticksOfAuth(system);
    if ((now - last) * MS_PER_TICK < QUIET_MS) break;
    last = now;
  }
  return { usedMs: (last - first) * MS_PER_TICK };
}

function ticksOfAuth(system: RunningSystem): number {
  const ticks = cpuTicksOf(system.processes().find(({ name }) => name === 'auth')?.pid);
  if (ticks === undefined) throw new Error('auth is not running');
  return ticks;
}

function statusesOf(answers: readonly Answer[]): string {
  const counts = Object.entries(Object.groupBy(answers, ({ status }) => status));
  return counts.map(([status, same]) => `${same?.length} × ${status === '0' ? 'none' : status}`).join(', ');
}
