import { openApi } from '../../scripts/api';
import { inParallel } from '../../scripts/seed/in-parallel';
import { socialRequests } from '../social/requests';
import { verifyHomes } from '../social/verify';
import { type Measurement, measure, show } from '../support/measurement';
import { readOptions } from '../support/options';
import { usedMemory, withRedis } from '../support/redis';
import type { Row } from '../support/result-types';
import { report, rounded } from '../support/results';
import { type SocialSystem, withSocialSystem } from '../support/social-system';
import { type GrowingNetwork, growingNetwork } from './network';

/**
 * Whether reading and posting cost the same in a larger network, for people with the same follows and followers, and the
 * memory of Redis for a person. SIZES sets the numbers of people, such as 1000,10000,100000,1000000; with KEEP each size has
 * a folder of its own.
 */
const { SIZES = '1000,10000,100000' } = process.env;
const options = readOptions(['home', 'compose', 'memory'], { seconds: 8 });
const FOLLOWS_EACH = 10;
const POSTS_EACH = 2;
const CONNECTIONS = 8;
const WARM_UP_SECONDS = 10;
/** People whose feeds are built to see how much memory they take. */
const READERS = 500;
const READS = 3;

const rows: Row[] = [];
for (const people of SIZES.split(',').map(Number)) {
  const network = growingNetwork({ people, followsEach: FOLLOWS_EACH });
  const kept = options.kept === undefined ? undefined : `${options.kept}-${people}`;
  await withSocialSystem(network, { kept, postsEach: POSTS_EACH }, async (running) => {
    rows.push({
      name: `${people.toLocaleString('en')} people`,
      figures: {
        ...(options.has('memory') && (await measureMemory(running, network))),
        ...(await measureCosts(running, network)),
      },
    });
  });
}
report({ name: 'growth', title: 'The same work in a larger network' }, rows, options.record);

async function measureCosts(running: SocialSystem, network: GrowingNetwork): Promise<Row['figures']> {
  const { system, generator } = running;
  const members = await running.signIn(network.measured);
  const requests = socialRequests(members, { postsEach: POSTS_EACH });
  await generator.prepare({ url: system.url, kinds: requests });
  await verifyHomes(system.url, requests);
  const figures: Record<string, number> = {};
  for (const kind of ['home', 'compose'].filter(options.has)) {
    const measured: Measurement = await measure(system, generator, {
      mix: { [kind]: 1 },
      warmUpSeconds: WARM_UP_SECONDS,
      seconds: options.seconds,
      shape: { kind: 'closed', connections: CONNECTIONS },
    });
    show(`${network.usernames.length} people, ${kind}`, measured);
    figures[`${kind}, CPU ms`] = rounded(measured.processorMsPerRequest, 3);
    figures[`${kind}/s`] = Math.round(measured.requestsPerSecond);
  }
  return figures;
}

/** What Redis takes for a person who reads their home timeline. */
async function measureMemory(
  { system, signIn }: SocialSystem,
  network: GrowingNetwork,
): Promise<Row['figures']> {
  const api = openApi(system.url);
  const people = network.usernames.map((_, person) => person).slice(network.measured.length);
  const readers = await signIn(people.slice(0, READERS));
  return withRedis(system.stack, async (redis) => {
    const before = { bytes: await usedMemory(redis), keys: await redis.dbSize() };
    for (let read = 0; read < READS; read++)
      await inParallel('home timelines', readers, CONNECTIONS, ({ username, token }) =>
        api.call('GET', `/posts/home/${username}`, { token }),
      );
    const bytes = (await usedMemory(redis)) - before.bytes;
    const feeds = (await redis.dbSize()) - before.keys;
    // A kept folder has the feeds of the last run.
    if (feeds < READERS / 2) return {};
    return { 'Redis bytes/reader': Math.round(bytes / feeds) };
  });
}
