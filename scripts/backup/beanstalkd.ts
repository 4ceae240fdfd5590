import FiveBeansClient from 'fivebeans/lib/client.js';

export interface CopiedJob {
  readonly tube: string;
  readonly priority: number;
  readonly ttrSeconds: number;
  readonly delaySeconds: number;
  /** Base64. */
  readonly body: string;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

type Callback = (word: string | null | undefined, ...results: unknown[]) => void;

/** Sent together: a peek takes microseconds, a round trip much longer. */
const IDS_AT_ONCE = 500;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Every job of a server, in whatever state, without reserving any: from the newest id down, until all are found.
 */
export async function listJobs(address: Address): Promise<CopiedJob[]> {
  return withClient(address, async (client) => {
    const statistics = await ask(client, (done) => client.stats(done));
    const jobs: CopiedJob[] = [];
    const total = countIn(statistics);
    for (
      let id = Number(Reflect.get(Object(statistics), 'total-jobs'));
      id > 0 && jobs.length < total;
      id -= IDS_AT_ONCE
    ) {
      const ids = Array.from({ length: Math.min(IDS_AT_ONCE, id) }, (_, index) => String(id - index));
      jobs.push(...(await Promise.all(ids.map((one) => jobOf(client, one)))).flatMap((job) => job ?? []));
    }
    return jobs.reverse();
  });
}

/** The number of jobs of a server. */
export const countJobs = (address: Address): Promise<number> =>
  withClient(address, async (client) => countIn(await ask(client, (done) => client.stats(done))));

/** Jobs that were running are ready. @returns their number */
export async function restoreJobs(
  addresses: readonly Address[],
  jobs: AsyncIterable<CopiedJob>,
): Promise<number> {
  const [address] = addresses;
  if (address === undefined) throw new Error('BEANSTALKD_HOST names no server');
  return withClient(address, async (client) => {
    let count = 0;
    for await (const { tube, priority, delaySeconds, ttrSeconds, body } of jobs) {
      await ask(client, (done) => client.use(tube, done));
      await ask(client, (done) =>
        client.put(priority, delaySeconds, ttrSeconds, Buffer.from(body, 'base64'), done),
      );
      count++;
    }
    return count;
  });
}

/** urgent ones are among the ready ones */
const STATES = ['ready', 'reserved', 'delayed', 'buried'];

const countIn = (statistics: unknown): number =>
  STATES.reduce((sum, state) => sum + Number(Reflect.get(Object(statistics), `current-jobs-${state}`)), 0);

/** @returns undefined for a job that has been deleted */
async function jobOf(client: FiveBeansClient, id: string): Promise<CopiedJob | undefined> {
  try {
    const [body, statistics] = await Promise.all([
      ask(client, (done) => client.peek(id, (word, _id, bytes) => done(word, bytes))),
      ask(client, (done) => client.stats_job(id, done)),
    ]);
    const number = (name: string) => Number(Reflect.get(Object(statistics), name));
    return {
      tube: String(Reflect.get(Object(statistics), 'tube')),
      priority: number('pri'),
      ttrSeconds: number('ttr'),
      delaySeconds: Reflect.get(Object(statistics), 'state') === 'delayed' ? number('time-left') : 0,
      body: Buffer.isBuffer(body) ? body.toString('base64') : '',
    };
  } catch (failure) {
    if (failure instanceof Error && failure.message === 'NOT_FOUND') return undefined;
    throw failure;
  }
}

/** The first result of a command. */
const ask = (client: FiveBeansClient, send: (done: Callback) => void): Promise<unknown> =>
  new Promise((resolve, reject) => {
    client.once('close', () => reject(new Error('beanstalkd closed the connection')));
    send((word, result) => (word ? reject(new Error(word)) : resolve(result)));
  });

async function withClient<Result>(
  { host, port }: Address,
  work: (client: FiveBeansClient) => Promise<Result>,
): Promise<Result> {
  const client = new FiveBeansClient(host, port);
  // Each waiting command listens.
  client.setMaxListeners(0);
  const connected = new Promise<void>((resolve, reject) => {
    client.on('connect', resolve);
    client.on('error', reject);
    setTimeout(() => reject(new Error(`No connection to beanstalkd at ${host}`)), CONNECT_TIMEOUT_MS).unref();
  });
  client.connect();
  try {
    await connected;
    return await work(client);
  } finally {
    client.stream.destroy();
  }
}
