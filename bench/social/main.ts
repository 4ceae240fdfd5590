import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Generator, startGenerator } from '../support/generator/client';
import { graphOf } from '../support/graph';
import { describeProcessors, type Measurement, measure } from '../support/measurement';
import { readOptions } from '../support/options';
import { populate, readPopulation } from '../support/population';
import { type RunningSystem, SOCIAL, startProcesses, startServers } from '../support/system';
import { issueTokens } from '../support/tokens';
import { findHighestRates } from './mix';
import { type Member, socialRequests } from './requests';
import { verifyHomes } from './verify';

/**
 * Reads and writes of a social network through the gateway, with real tokens, on a graph of friendships.
 *
 * 1. Closed loop, 8 and 64 connections, one kind of request at a time: the highest throughput.
 * 2. Open loop, 60 % home timelines, 30 % user timelines, 10 % new posts: the highest rates whose 99th percentile is below
 *    20 and below 50 ms.
 */
const KINDS = ['home', 'user-timeline', 'public', 'profile'];
const options = readOptions([...KINDS, 'mix'], { seconds: 10 });
const POSTS_EACH = 3;
const CONNECTIONS = [8, 64];
/** JIT compilers need it. */
const FIRST_WARM_UP_SECONDS = 10;
const WARM_UP_SECONDS = 3;

const graph = graphOf(options.graph);
console.log(
  `${graph.people.length} people, ${graph.edges * 2} follows, ${graph.people.length * POSTS_EACH} posts`,
);
const servers = await startServers({ kept: options.kept });
let system: RunningSystem | undefined;
let generator: Generator | undefined;
try {
  const { folder, stack } = servers;
  const marker = join(folder, 'populated');
  if (!existsSync(marker)) {
    const startedMs = performance.now();
    await populate(stack.environment, graph, { postsEach: POSTS_EACH });
    writeFileSync(marker, '');
    console.log(`Loaded in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  }
  system = await startProcesses(servers, { names: process.env.PROCESSES === 'all' ? undefined : SOCIAL });
  const people = await readPopulation(stack.environment, graph);
  const tokens = await issueTokens(stack, people);
  const members: Member[] = people.map((person, index) => ({ ...person, token: tokens[index] ?? '' }));
  generator = startGenerator(folder);
  await generator.prepare({ url: system.url, kinds: socialRequests(members, { postsEach: POSTS_EACH }) });
  await verifyHomes(system.url, members, { postsEach: POSTS_EACH });
  let isFirst = true;
  for (const kind of KINDS.filter(options.has))
    for (const connections of CONNECTIONS) {
      const measured = await measure(system, generator, {
        mix: { [kind]: 1 },
        warmUpSeconds: isFirst ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS,
        seconds: options.seconds,
        shape: { kind: 'closed', connections },
      });
      isFirst = false;
      report(`${kind}, ${connections} connections`, measured);
    }
  if (options.has('mix')) await findHighestRates(system, generator, { seconds: options.seconds, report });
} finally {
  await generator?.stop();
  await system?.stop();
  await servers.stop();
}

function report(what: string, measured: Measurement): void {
  const { requestsPerSecond, latency, processorMsPerRequest, failures, foreignCores, lateMs } = measured;
  console.log(
    [
      `${what}: ${Math.round(requestsPerSecond)}/s`,
      `p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms, max ${latency.max.toFixed(0)} ms`,
      `CPU ${processorMsPerRequest.toFixed(2)} ms per request: ${describeProcessors(measured)}`,
      `others used ${foreignCores.toFixed(2)} cores${Number.isNaN(lateMs.p99) ? '' : `, generator late by ${lateMs.p99.toFixed(1)} ms (p99)`}`,
      ...Object.entries(failures).map(([why, count]) => `FAILED ${count} × ${why}`),
    ].join('\n  '),
  );
  if (Object.keys(failures).length > 0) process.exitCode = 1;
}
