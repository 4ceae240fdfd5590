import { sleep } from '#kit/core/back-off';
import { type CrowdMember, joinCrowd } from '../support/chat-crowd';
import { type Client, join, type Reply, request } from '../support/client';
import { eventually } from '../support/eventually';
import { formOf, newFile } from './files';

/** What the load does; every kind goes on all the time. */
export const KINDS = ['post', 'post later', 'like', 'vote', 'payment', 'message', 'upload'] as const;
export type Kind = (typeof KINDS)[number];

/** Acknowledged operations. */
export interface Acknowledged {
  /** Its text, author and id. */
  readonly posts: { text: string; author: string; id: string }[];
  /** A post and who likes it. */
  readonly likes: { post: string; person: string }[];
  /** A poll and who has voted. */
  readonly votes: { poll: string; person: string }[];
  readonly payments: { id: string; payer: string }[];
  readonly files: { id: string; owner: string; bytes: Uint8Array }[];
}

export interface Load {
  readonly people: readonly Client[];
  readonly crowd: readonly CrowdMember[];
  readonly acknowledged: Acknowledged;
  /** Messages that were sent to the room; each is repeated until it is echoed. */
  readonly messagesSent: () => number;
  /** Attempts that failed, and were repeated. */
  readonly failedAttempts: () => number;
  /** Resolves once an operation of every kind, but of those that must wait, has begun after this call, and been acknowledged. */
  readonly untilAllAcknowledged: (deadlineMs: number, waiting?: readonly Kind[]) => Promise<void>;
  /** How long the slowest operation took, with all its attempts, of those acknowledged since then (`performance.now()`). */
  readonly slowestSince: (sinceMs: number) => { readonly kind: Kind; readonly ms: number };
  /** Ends the load once what has begun is acknowledged. */
  readonly stop: () => Promise<void>;
}

const PEOPLE = 4;
/** Between two operations of one kind. */
const PAUSE_MS = 400;
const RETRY_MS = 250;
const ROOM = 'faults';
/** In flight, overloaded, unavailable or disconnected: to be repeated. Anything else is a fault of the system. */
const RETRYABLE = [0, 409, 429, 500, 502, 503, 504];

/** Starts people who post, like, vote, pay, talk and upload files at a small rate, through both gateways in turn. */
export async function startLoad(urls: readonly [string, string]): Promise<Load> {
  const bases = urls.map((url) => url.replace(/\/$/, ''));
  const baseOf = (attempt: number) => bases[attempt % bases.length] ?? '';
  const run = Bun.randomUUIDv7().slice(-6);
  const people: Client[] = [];
  for (let number = 0; number < PEOPLE; number++)
    people.push(await join(baseOf(number), `fault${run}${number}`));
  for (const follower of people)
    for (const followee of people)
      if (follower !== followee) await follower.post(`/users/follow/${followee.username}`);
  // Reading the home timeline creates the feed that posts are delivered to.
  for (const person of people) await person.get(`/posts/home/${person.username}`);
  const crowd = bases.map((base) => joinCrowd(base, `${ROOM}-${run}`));

  const acknowledged: Acknowledged = { posts: [], likes: [], votes: [], payments: [], files: [] };
  const durations: { kind: Kind; endedAt: number; ms: number }[] = [];
  const ended = new Map<Kind, number>();
  const stopping = new AbortController();
  let failures = 0;
  let messages = 0;

  /** Sends until it is acknowledged, under one Idempotency-Key. */
  async function send(person: Client, path: string, body?: unknown, type?: string): Promise<Reply> {
    const headers = {
      'idempotency-key': Bun.randomUUIDv7(),
      ...(type !== undefined && { 'content-type': type }),
    };
    for (let attempt = 0; ; attempt++) {
      const options = { token: person.token, headers, ...(body !== undefined && { body }) };
      const reply = await request(baseOf(attempt), 'POST', path, options).catch(noReply);
      if (reply.status >= 200 && reply.status < 300) return reply;
      // An attempt before this one was the vote.
      if (reply.body.code === 'poll.already-voted' && attempt > 0) return reply;
      if (!RETRYABLE.includes(reply.status))
        throw new Error(`POST ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
      failures++;
      await sleep(RETRY_MS);
    }
  }

  const operations: Readonly<Record<Kind, (number: number, person: Client) => Promise<void>>> = {
    async post(number, person) {
      const text = `post ${run} ${number}`;
      const { body } = await send(person, '/posts', { text });
      acknowledged.posts.push({ text, author: person.username, id: String(body.id) });
    },
    async 'post later'(number, person) {
      const text = `later ${run} ${number}`;
      const { body } = await send(person, '/posts/async', { text });
      acknowledged.posts.push({ text, author: person.username, id: String(body.id) });
    },
    async like(_, person) {
      // One that is still to be written cannot be liked.
      const post = acknowledged.posts.findLast(({ text }) => text.startsWith('post'));
      if (post === undefined) return;
      await send(person, `/likes/${post.id}`);
      acknowledged.likes.push({ post: post.id, person: person.id });
    },
    async vote(number, person) {
      const { body } = await send(person, '/polls', { question: `poll ${number}?`, options: ['Yes', 'No'] });
      const poll = String(body.id);
      await send(person, `/polls/${poll}/vote`, { option: 'Yes' });
      acknowledged.votes.push({ poll, person: person.id });
    },
    async payment(number, person) {
      const body = {
        amount: '12.50',
        currency: 'EUR',
        description: `Stickers ${run} ${number}`,
        payment_method: 'pm_ok',
      };
      const reply = await send(person, '/payments', body);
      acknowledged.payments.push({ id: String(reply.body.id), payer: person.username });
    },
    async upload(_, person) {
      const bytes = newFile();
      const form = await formOf(bytes);
      const { body } = await send(person, '/files/upload', form.body, form.type);
      acknowledged.files.push({ id: String(body.id), owner: person.username, bytes });
    },
    async message(number) {
      const member = crowd[number % crowd.length];
      messages++;
      member?.say(`${run}-${number}`);
      await eventually(() => member?.unanswered === 0, 300_000);
    },
  };

  async function repeat(kind: Kind) {
    for (let number = 0; !stopping.signal.aborted; number++) {
      const person = people[number % people.length];
      if (person === undefined) return;
      const startedAt = performance.now();
      await operations[kind](number, person);
      ended.set(kind, startedAt);
      durations.push({ kind, endedAt: performance.now(), ms: performance.now() - startedAt });
      await sleep(PAUSE_MS, stopping.signal);
    }
  }

  let failure: unknown;
  const loops = KINDS.map((kind) =>
    repeat(kind).catch((reason: unknown) => {
      failure ??= new Error(`${kind}: ${reason instanceof Error ? reason.message : reason}`);
    }),
  );
  return {
    people,
    crowd,
    acknowledged,
    messagesSent: () => messages,
    failedAttempts: () => failures,
    async untilAllAcknowledged(deadlineMs, mustWait = []) {
      const from = performance.now();
      let slowest: Kind = KINDS[0];
      await eventually(() => {
        if (failure !== undefined) return true;
        const waiting = KINDS.find((kind) => !mustWait.includes(kind) && (ended.get(kind) ?? 0) < from);
        if (waiting !== undefined) slowest = waiting;
        return waiting === undefined;
      }, deadlineMs).catch(() => {
        throw new Error(`no ${slowest} was acknowledged within ${deadlineMs / 1_000} s`);
      });
      if (failure !== undefined) throw failure;
    },
    slowestSince: (sinceMs) =>
      durations
        .filter(({ endedAt }) => endedAt >= sinceMs)
        .reduce<{ kind: Kind; ms: number }>((slowest, one) => (one.ms > slowest.ms ? one : slowest), {
          ...{ kind: KINDS[0], ms: 0 },
        }),
    async stop() {
      stopping.abort();
      await Promise.all(loops);
      if (failure !== undefined) throw failure;
    },
  };
}

const noReply = (): Reply => ({ status: 0, headers: new Headers(), body: {} });
