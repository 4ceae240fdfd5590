import { type Client, type Reply, request } from '../support/client';

interface Counts {
  readonly answered: number;
  readonly failures: readonly string[];
}

export interface Load {
  counts(): Counts;
  /** Waits for the last responses. @returns also the acknowledged posts that are not there */
  stop(): Promise<Counts & { readonly missing: string[] }>;
}

const PAUSE_MS = Number(process.env.PAUSE_MS ?? 50);
const LATER_MS = 60_000;

/**
 * People who read and write in turn. Every response that is no success counts as a failure, and so does a connection that
 * breaks: nothing is tried again.
 *
 * @param gateway the address for the next request: as a load balancer would send it
 * @param processes those that run
 */
export function startLoad(
  gateway: () => string,
  people: readonly Client[],
  processes: readonly string[],
): Load {
  const reads = READS.filter(([service]) => processes.includes(service)).map(([, path]) => path);
  let running = true;
  let answered = 0;
  const failures: string[] = [];
  const posted = new Map<string, string[]>(people.map(({ username }) => [username, []]));

  async function send(
    person: Client,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Reply | undefined> {
    try {
      const reply = await request(gateway(), method, path, {
        token: person.token,
        ...(body !== undefined && { body, headers: { 'idempotency-key': crypto.randomUUID() } }),
      });
      answered++;
      if (reply.status < 300) return reply;
      failures.push(
        `${new Date().toISOString()} ${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`,
      );
    } catch (failure) {
      failures.push(`${new Date().toISOString()} ${method} ${path}: ${failure}`);
    }
    return undefined;
  }

  async function live(person: Client, index: number): Promise<void> {
    const { username } = person;
    const other = people[(index + 1) % people.length]?.username ?? username;
    await send(person, 'POST', `/users/follow/${other}`);
    for (let number = 0; running; number++) {
      const post = await send(person, 'POST', '/posts', { text: `Upgraded ${number} #now by ${username}` });
      const later = await send(person, 'POST', '/posts/async', { text: `Later ${number}` });
      for (const reply of [post, later])
        if (reply !== undefined) posted.get(username)?.push(String(reply.body.id));
      if (post !== undefined && processes.includes('likes'))
        await send(person, 'POST', `/likes/${post.body.id}`);
      for (const path of reads)
        await send(person, 'GET', path.replace('{me}', username).replace('{other}', other));
      if (number % 5 === 0) await others(person);
      await Bun.sleep(PAUSE_MS);
    }
  }

  async function others(person: Client): Promise<void> {
    const paid = { amount: '1.00', currency: 'EUR', description: 'Upgraded', payment_method: 'pm_ok' };
    if (processes.includes('payments')) await send(person, 'POST', '/payments', paid);
    if (!processes.includes('polls')) return;
    const poll = await send(person, 'POST', '/polls', { question: 'Now?', options: ['Yes', 'No'] });
    if (poll !== undefined) await send(person, 'POST', `/polls/${poll.body.id}/vote`, { option: 'Yes' });
  }

  const lives = Promise.all(people.map(live));
  return {
    counts: () => ({ answered, failures }),
    async stop() {
      running = false;
      await lives;
      const missing: string[] = [];
      const deadline = Date.now() + LATER_MS;
      for (const person of people) missing.push(...(await missingOf(gateway(), person, posted, deadline)));
      return { answered, failures, missing };
    },
  };
}

const READS: readonly (readonly [service: string, path: string])[] = [
  ...['/posts/home/{me}', '/posts/{other}', '/posts', '/posts/tag/now'].map(
    (path) => ['timelines', path] as const,
  ),
  ...['/users/{other}', '/users/me'].map((path) => ['users', path] as const),
  ['likes', '/users/{me}/likes'],
  ['auth', '/auth/sessions'],
  ['notifications', '/notifications'],
  ['media', '/files'],
  ['payments', '/payments'],
  ['playlists', '/playlists'],
  ['resumes', '/resumes'],
  ['chat', '/rooms'],
  ...['mail', 'billing', 'accounts', 'video', 'archives', 'polls'].map(
    (name) => [name, `/${name}/health`] as const,
  ),
];

/** The acknowledged posts of a person that are not there; asynchronous ones come within a minute. */
async function missingOf(
  url: string,
  { username, token }: Client,
  posted: ReadonlyMap<string, readonly string[]>,
  deadline: number,
): Promise<string[]> {
  const missing: string[] = [];
  for (const id of posted.get(username) ?? []) {
    let { status } = await request(url, 'GET', `/posts/id/${id}`, { token });
    while (status !== 200 && Date.now() < deadline) {
      await Bun.sleep(PAUSE_MS);
      ({ status } = await request(url, 'GET', `/posts/id/${id}`, { token }));
    }
    if (status !== 200) missing.push(`${username} ${id}`);
  }
  return missing;
}
