import type { Results, Row } from '../result-types';
import { type BarGroup, bars } from './bars';
import { type Stack, stacks } from './stacks';

/** Goals of the project, where a benchmark has one. */
const GOALS: Readonly<Record<string, number>> = {
  'home, 64 connections': 8_000,
  'user-timeline, 64 connections': 8_000,
  'public, 64 connections': 8_000,
  'mix, open loop, p99 < 20 ms': 3_000,
};

/** All pictures that there are results for, by the names of their files. */
export function drawingsOf(results: Results): Map<string, string> {
  const drawings: [string, string | undefined][] = [
    ['throughput.svg', throughput(results)],
    ['processor-time.svg', processorTime(results)],
    ['delivery.svg', delivery(results)],
    ['growth.svg', growth(results)],
    ['memory.svg', memory(results)],
  ];
  return new Map(drawings.flatMap(([file, content]) => (content === undefined ? [] : [[file, content]])));
}

function throughput(results: Results): string | undefined {
  const isShown = ({ name }: Row) => / 64 connections$|^mix, open/.test(name);
  return barsOf(results, 'social', 'requests/s', {
    isShown,
    head: {
      title: 'Requests per second through the gateway',
      subtitle: 'Everything on one machine of two cores, the load generator with it',
    },
  });
}

function processorTime(results: Results): string | undefined {
  const runs = Object.entries(results.social?.runs ?? {});
  const isShown = (name: string) => /^(home|user-timeline), 64|^mix, open loop, p99 < 20/.test(name);
  const names = new Set(runs.flatMap(([, { rows }]) => rows.map(({ name }) => name)).filter(isShown));
  const compared = [...names].flatMap((name) =>
    runs.flatMap(([label, { rows }]): Stack[] => {
      const parts = rows.find((row) => row.name === name)?.processors;
      return parts === undefined ? [] : [{ name: `${shortened(name)}, ${label}`, parts }];
    }),
  );
  if (compared.length === 0) return undefined;
  const head = {
    title: 'CPU time per request',
    subtitle: 'Of each process and server; the load generator is left out',
  };
  return stacks(head, compared, 'ms');
}

function delivery(results: Results): string | undefined {
  return barsOf(results, 'fanout', 'median ms', {
    head: {
      title: 'Until the last follower has a post',
      subtitle: 'Milliseconds from sending it until it is on every home timeline; median of five',
    },
  });
}

function growth(results: Results): string | undefined {
  return barsOf(results, 'growth', 'home, CPU ms', {
    head: {
      title: 'CPU time of a home timeline in a growing network',
      subtitle: 'Milliseconds per request, for people with the same follows and followers',
    },
  });
}

function memory(results: Results): string | undefined {
  const rows = ['start', 'start-compact'].flatMap((name) =>
    Object.entries(results[name]?.runs ?? {}).map(([label, run]): Stack => {
      const parts = run.rows.flatMap(({ name: process, figures }) =>
        typeof figures.MB === 'number' && !process.startsWith('resident') ? [[process, figures.MB]] : [],
      );
      return { name: name === 'start' ? label : `${label}, compact`, parts: Object.fromEntries(parts) };
    }),
  );
  if (rows.every(({ parts }) => Object.keys(parts).length === 0)) return undefined;
  const head = { title: 'Resident memory of the whole system', subtitle: '30 seconds after the start' };
  return stacks(head, rows, 'MB');
}

/** One figure of a benchmark: a group for each row, a bar for each run. */
function barsOf(
  results: Results,
  benchmark: string,
  column: string,
  options: { head: { title: string; subtitle: string }; isShown?: (row: Row) => boolean },
): string | undefined {
  const runs = Object.entries(results[benchmark]?.runs ?? {});
  const { head, isShown = () => true } = options;
  const names = new Set(
    runs.flatMap(([, { rows }]) =>
      rows.filter((row) => isShown(row) && column in row.figures).map(({ name }) => name),
    ),
  );
  const groups = [...names].map((name): BarGroup => {
    const values = runs.map(([, { rows }]) => {
      const value = rows.find((row) => row.name === name)?.figures[column];
      return typeof value === 'number' ? value : undefined;
    });
    const goal = GOALS[name];
    return { name: shortened(name), values, ...(goal !== undefined && { goal }) };
  });
  if (groups.length === 0) return undefined;
  return bars(
    head,
    runs.map(([label]) => label),
    groups,
  );
}

const shortened = (name: string) =>
  name.replace(/, 64 connections|, open loop|^until all of | have a post$/g, '').replace('user-t', 'user t');
