import { graphOf } from '../support/graph';
import { measure, rowOf, show } from '../support/measurement';
import { networkOfFriends } from '../support/network';
import { readOptions } from '../support/options';
import type { Row } from '../support/result-types';
import { report } from '../support/results';
import { withSocialSystem } from '../support/social-system';
import { findHighestRates } from './mix';
import { socialRequests } from './requests';
import { verifyHomes } from './verify';

/**
 * Reads and writes of a social network through the gateway, with real tokens, on a graph of friendships (GRAPH).
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

const network = networkOfFriends(graphOf(options.graph));
const rows: Row[] = [];
await withSocialSystem(network, { kept: options.kept, postsEach: POSTS_EACH }, async (running) => {
  const { system, generator } = running;
  const members = await running.signIn(network.usernames.map((_, person) => person));
  const requests = socialRequests(members, { postsEach: POSTS_EACH });
  await generator.prepare({ url: system.url, kinds: requests });
  await verifyHomes(system.url, requests);
  let warmUpSeconds = FIRST_WARM_UP_SECONDS;
  for (const kind of KINDS.filter(options.has))
    for (const connections of CONNECTIONS) {
      const measured = await measure(system, generator, {
        mix: { [kind]: 1 },
        warmUpSeconds,
        seconds: options.seconds,
        shape: { kind: 'closed', connections },
      });
      warmUpSeconds = WARM_UP_SECONDS;
      const name = `${kind}, ${connections} connections`;
      show(name, measured);
      rows.push(rowOf(name, measured));
    }
  if (options.has('mix')) rows.push(...(await findHighestRates(system, generator, options.seconds)));
});
report({ name: 'social', title: 'Reads and writes of a social network' }, rows, options.record);
