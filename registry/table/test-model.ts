import { expect } from 'bun:test';
import type { InstanceState } from '#contracts/registry';
import type { ProofOutcome, Table } from './model';

type Reported = Exclude<InstanceState, 'unhealthy'>;

/** The expected state of one listed instance, in whole seconds. */
interface Listed {
  readonly service: string;
  readonly id: string;
  readonly secret: string;
  readonly port: number;
  route: string;
  reported: Reported;
  silentSeconds: number;
  protectedSeconds: number | undefined;
  isGone: boolean;
}

/** The expected state of one instance that waits for verification. */
type Waiting = Omit<Listed, 'protectedSeconds' | 'isGone'>;

export interface Key {
  readonly service: string;
  readonly id: string;
}

const IS_HEARD = { silentSeconds: 0, protectedSeconds: undefined, isGone: false };

/**
 * A slow but obvious table of two services that claim one route each. Every step is taken on the table and on the model, and
 * their results are compared.
 */
export function createModel(table: Table, passTable: (ms: number) => void) {
  let listed: Listed[] = [];
  let waiting: Waiting[] = [];

  const isOf =
    ({ service, id }: Key) =>
    (one: Key) =>
      one.service === service && one.id === id;
  const lacks = (key: Key) => (one: Key) => !isOf(key)(one);
  const isIdUsed = (id: string) => [...listed, ...waiting].some((one) => one.id === id);
  const ownerOf = (route: string, service: string) =>
    listed.find((one) => one.service !== service && routesOverlap(one.route, route))?.service;

  function register(key: Key, wanted: { route: string; port: number }, hasSecret: boolean) {
    const known = listed.find(isOf(key));
    const candidate = waiting.find(isOf(key));
    const secret = hasSecret ? (known?.secret ?? candidate?.secret ?? 'guess') : 'guess';
    const own = [known, candidate].find((one) => one?.secret === secret);
    const result = table.register(
      {
        name: key.service,
        version: '1.0.0',
        host: '127.0.0.1',
        port: wanted.port,
        instance_id: key.id,
        routes: [{ method: 'GET', path: wanted.route, auth: 'public' }],
        prefixes: [],
      },
      secret,
    );
    const owner = ownerOf(wanted.route, key.service);
    if (known && !own && known.port !== wanted.port) return expect(result.outcome).toBe('wrong-secret');
    if (owner) return expect(result).toMatchObject({ outcome: 'conflict', owner });
    if (!('secret' in result)) throw new Error(`registration failed: ${result.outcome}`);
    const isInPlace = own !== undefined && own === known && known.port === wanted.port;
    expect(result).toMatchObject({ outcome: own ? 'renewed' : 'registered', isPending: !isInPlace });
    if (known && own === known) Object.assign(known, { reported: 'up', ...IS_HEARD });
    if (known && isInPlace) {
      known.route = wanted.route;
      if (candidate?.secret === secret) waiting = waiting.filter(lacks(key));
      return undefined;
    }
    waiting = waiting.filter(lacks(key));
    waiting.push({ ...key, ...wanted, secret: result.secret, reported: 'up', silentSeconds: 0 });
    return undefined;
  }

  /** The verification of an instance that waits for it ends. */
  function settleWaiting(key: Key, outcome: ProofOutcome['outcome']) {
    const candidate = waiting.find(isOf(key));
    const target = table.target({ name: key.service, instance_id: key.id });
    expect(target?.port).toBe(candidate?.port as number);
    if (!target || !candidate) return;
    const settled = table.settle(target, resultOf(outcome));
    if (outcome !== 'verified' || ownerOf(candidate.route, key.service)) {
      expect(settled).toBe('pending');
      return;
    }
    expect(settled).toBe('verified');
    waiting = waiting.filter(lacks(key));
    listed = listed.filter((one) => lacks(key)(one) && one.port !== candidate.port);
    listed.push({ ...candidate, ...IS_HEARD });
  }

  /** The address of an instance that has missed a heartbeat is verified again. */
  function settleSilent(turn: number, outcome: ProofOutcome['outcome']) {
    const doubted = table.doubtful().silent;
    const silent = listed.filter((one) => one.silentSeconds >= 8 && one.reported !== 'draining');
    const namesOf = (keys: readonly Key[]) => keys.map(({ service, id }) => `${service}/${id}`).sort();
    expect(namesOf(doubted.map((one) => ({ service: one.name, id: one.instance_id })))).toEqual(
      namesOf(silent),
    );
    const target = doubted[turn % doubted.length];
    const instance = target && listed.find(isOf({ service: target.name, id: target.instance_id }));
    if (!target || !instance) return;
    table.settle(target, resultOf(outcome));
    instance.isGone = outcome === 'refused';
    if (outcome !== 'failed') return;
    const { protectedSeconds: _, isGone: __, ...demoted } = instance;
    listed = listed.filter(lacks(instance));
    waiting = [...waiting.filter(lacks(instance)), demoted];
  }

  /** Some instances of a service send heartbeats at the same time, the others do not. */
  function heartbeatAll(service: string, ids: readonly string[]) {
    for (const id of ids) {
      const key = { service, id };
      if (listed.some(isOf(key))) heartbeat(key, undefined, true);
      else {
        register(key, { route: `/${service}`, port: 2_000 + id.charCodeAt(0) + service.length * 100 }, true);
        settleWaiting(key, 'verified');
      }
    }
  }

  function heartbeat(key: Key, state: Reported | undefined, hasSecret: boolean) {
    const known = listed.find(isOf(key));
    const candidate = waiting.find(isOf(key));
    const secret = hasSecret ? (known?.secret ?? candidate?.secret ?? 'guess') : 'guess';
    const result = table.heartbeat(key.id, secret, state === undefined ? {} : { state });
    if (candidate?.secret === secret)
      Object.assign(candidate, { reported: state ?? candidate.reported, silentSeconds: 0 });
    if (known?.secret === secret) {
      Object.assign(known, { reported: state ?? known.reported, ...IS_HEARD });
      expect(result).toEqual({ outcome: 'renewed', state: known.reported });
    } else if (candidate?.secret === secret) expect(result.outcome).toBe('unverified');
    else expect(result.outcome).toBe(isIdUsed(key.id) ? 'wrong-secret' : 'unknown');
  }

  function remove(key: Key, hasSecret: boolean) {
    const known = listed.find(isOf(key));
    const candidate = waiting.find(isOf(key));
    const secret = hasSecret ? (known?.secret ?? candidate?.secret ?? 'guess') : 'guess';
    const { outcome } = table.remove(key.id, secret);
    const isOwn = [known, candidate].some((one) => one?.secret === secret);
    expect(outcome).toBe(isOwn ? 'removed' : isIdUsed(key.id) ? 'wrong-secret' : 'unknown');
    listed = listed.filter((one) => lacks(key)(one) || one.secret !== secret);
    waiting = waiting.filter((one) => lacks(key)(one) || one.secret !== secret);
  }

  /** One ordinary interval of lease time, however long the process was paused. */
  function sweep(ms: number) {
    passTable(ms);
    table.expire();
    for (const one of [...listed, ...waiting]) one.silentSeconds++;
    for (const one of listed) if (one.protectedSeconds !== undefined) one.protectedSeconds++;
    for (const service of new Set(listed.map((one) => one.service))) expire(service);
    waiting = waiting.filter((one) => one.silentSeconds < 30);
  }

  function expire(service: string) {
    const own = listed.filter((one) => one.service === service);
    const live = own.filter(
      (one) => one.protectedSeconds === undefined && one.reported !== 'draining' && !one.isGone,
    );
    const silent = live.filter((one) => one.silentSeconds >= 15);
    const isAnyDue = silent.some((one) => one.silentSeconds >= 30);
    const isProtecting = isAnyDue && silent.length >= 3 && silent.length > live.length / 2;
    const removed = own.filter((one) => {
      if (one.isGone) return one.silentSeconds >= 15;
      if (one.protectedSeconds !== undefined) return one.protectedSeconds >= 600;
      return one.silentSeconds >= 30 && !(isProtecting && silent.includes(one));
    });
    if (isProtecting) for (const one of silent) one.protectedSeconds = 0;
    listed = listed.filter((one) => !removed.includes(one));
  }

  return {
    register,
    settleWaiting,
    settleSilent,
    heartbeatAll,
    heartbeat,
    remove,
    passSeconds(count: number) {
      for (let second = 0; second < count; second++) sweep(1_000);
    },
    pauseProcess: (seconds: number) => sweep(seconds * 1_000),
    expected: () =>
      sorted(
        listed.map(({ service, id, route, port, reported, silentSeconds, protectedSeconds }) => ({
          service,
          id,
          route,
          port,
          state: silentSeconds >= 15 ? ('unhealthy' as const) : reported,
          protected: protectedSeconds !== undefined,
        })),
      ),
    waiting: () => waiting.map(({ service, id }) => `${service}/${id}`).sort(),
  };
}

/** What the table lists, in the form of the model. */
export const shown = (table: Table) =>
  sorted(
    Object.values(table.snapshot().services)
      .flat()
      .map((one) => ({
        service: one.name,
        id: one.instance_id,
        route: one.routes[0]?.path ?? '',
        port: one.port,
        state: one.state,
        protected: one.protected,
      })),
  );

const sorted = <Row extends Key>(rows: Row[]): Row[] =>
  rows.sort((left, right) => `${left.service} ${left.id}`.localeCompare(`${right.service} ${right.id}`));

const resultOf = (outcome: ProofOutcome['outcome']): ProofOutcome =>
  outcome === 'verified' ? { outcome } : { outcome, reason: 'Because of the test.' };

/** Of the routes of the property test, which are few. */
const routesOverlap = (left: string, right: string) =>
  left === right || [left, right].sort().join() === '/one/:x,/one/two';
