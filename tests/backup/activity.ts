import { inParallel } from '../../scripts/seed/in-parallel';
import { type Client, join, type Reply } from '../support/client';

/** Something that the system has said to have done. */
export interface Acknowledged {
  readonly kind: 'person' | 'post' | 'accepted post' | 'like' | 'vote' | 'payment' | 'file';
  readonly atMs: number;
  /** Who did it. */
  readonly username: string;
  /** Of the post, poll, payment or file. */
  readonly id: string;
}

const PEOPLE = 6;
const PAUSE_MS = 50;

/**
 * People who post, like, vote, pay and upload until they are stopped, with one key for all attempts of a request.
 *
 * @returns `stop`, which waits for the last responses
 */
export async function startActivity(
  url: string,
): Promise<{ stop(): Promise<{ acknowledged: Acknowledged[]; failed: string[] }> }> {
  const acknowledged: Acknowledged[] = [];
  const failed: string[] = [];
  let running = true;
  const people: Client[] = [];
  await inParallel(
    'people',
    Array.from({ length: PEOPLE }, (_, index) => `kept_${index}`),
    2,
    async (name) => {
      people.push(await join(url, name));
      acknowledged.push({ kind: 'person', atMs: Date.now(), username: name, id: name });
    },
  );

  function note(
    kind: Acknowledged['kind'],
    { username }: Client,
    reply: Reply,
    id = String(reply.body.id),
  ): boolean {
    if (reply.status >= 200 && reply.status < 300)
      acknowledged.push({ kind, atMs: Date.now(), username, id });
    else failed.push(`${kind}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.status < 300;
  }

  async function act(person: Client, number: number): Promise<void> {
    const key = { 'idempotency-key': crypto.randomUUID() };
    const post = await person.post('/posts', { text: `Kept ${number} by ${person.username}` }, key);
    if (note('post', person, post)) {
      const id = String(post.body.id);
      note('like', person, await person.post(`/likes/${id}`), id);
    }
    note('accepted post', person, await person.post('/posts/async', { text: `Later ${number}` }, key));
    if (number % 3 !== 0) return;
    const paid = { amount: '1.25', currency: 'EUR', description: 'Kept', payment_method: 'pm_ok' };
    note('payment', person, await person.post('/payments', paid, key));
    const poll = await person.post('/polls', { question: 'Kept?', options: ['Yes', 'No'] });
    if (poll.status === 201) {
      const id = String(poll.body.id);
      note('vote', person, await person.post(`/polls/${id}/vote`, { option: 'Yes' }), id);
    }
    note('file', person, await upload(url, person, number));
  }

  async function live(person: Client): Promise<void> {
    for (let number = 0; running; number++) {
      await act(person, number).catch((failure: unknown) => failed.push(String(failure)));
      await Bun.sleep(PAUSE_MS);
    }
  }

  const lives = Promise.all(people.map(live));
  return {
    async stop() {
      running = false;
      await lives;
      return { acknowledged, failed };
    },
  };
}

async function upload(url: string, { token, username }: Client, number: number): Promise<Reply> {
  const form = new FormData();
  // The shortest file that is a PDF by its first bytes, and differs from all others.
  const text = `%PDF-1.4\n% file ${number} of ${username}\n%%EOF\n`;
  form.append('file', new File([text], 'kept.pdf', { type: 'application/pdf' }));
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/files/upload`, { method: 'POST', headers, body: form });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
