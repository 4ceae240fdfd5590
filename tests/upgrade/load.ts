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
 */
export function startLoad(gateway: () => string, people: readonly Client[]): Load {
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
      if (post !== undefined) await send(person, 'POST', `/likes/${post.body.id}`);
      for (const path of READS)
        await send(person, 'GET', path.replace('{me}', username).replace('{other}', other));
      if (number % 5 === 0) await others(person);
      await Bun.sleep(PAUSE_MS);
    }
  }

  async function others(person: Client): Promise<void> {
    const paid = { amount: '1.00', currency: 'EUR', description: 'Upgraded', payment_method: 'pm_ok' };
    await send(person, 'POST', '/payments', paid);
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

const READS = [
  ...['/posts/home/{me}', '/posts/{other}', '/posts', '/users/{other}', '/users/me', '/notifications'],
  ...[
    '/posts/tag/now',
    '/payments',
    '/files',
    '/playlists',
    '/resumes',
    '/rooms',
    '/mail/health',
    '/billing/health',
  ],
  ...['/accounts/health', '/video/health', '/archives/health', '/polls/health', '/users/{me}/likes'],
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
