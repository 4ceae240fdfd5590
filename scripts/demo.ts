import { sleep } from '#kit/core/back-off';
import { readState } from '../infra/state';
import { type Answer, type Api, ApiFailure, DEFAULT_GATEWAY_URL, field, openApi, textField } from './api';
import { demoPassword } from './demo/people';

const DEFAULT_INBOX_URL = 'http://127.0.0.1:11080';
const POLL_MS = 100;
const WAIT_MS = 15_000;
/** Likes are sent as a digest: the mail follows after a delay that collects further likes. */
const MAIL_WAIT_MS = 90_000;

interface Visitor {
  readonly username: string;
  /** The shell variable that holds the person's token in the printed commands. */
  readonly variable: string;
  token: string;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly as?: Visitor;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

/** A step with an unexpected result. */
class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
}

/** Runs the main workflow through the gateway with new accounts, and prints each step as a curl command. */
async function main(): Promise<void> {
  const api = openApi(process.env.GATEWAY_URL ?? DEFAULT_GATEWAY_URL);
  const inbox = process.env.MAIL_INBOX_URL ?? readState()?.environment.MAIL_INBOX_URL ?? DEFAULT_INBOX_URL;
  const suffix = Date.now().toString(36);
  const ada: Visitor = { username: `ada_${suffix}`, variable: 'ADA', token: '' };
  const bela: Visitor = { username: `bela_${suffix}`, variable: 'BELA', token: '' };
  console.log(`Main workflow at ${api.url}\n`);

  for (const person of [ada, bela]) await signUp(api, person);
  const postId = await followAndPost(api, ada, bela);
  await askToFollow(api, ada, bela);
  await postAsynchronously(api, ada);
  await quotePost(api, bela, postId);
  await like(api, ada, bela, postId);
  await vote(api, ada, bela);
  await pay(api, inbox, bela);
  await receiveLikeDigest(inbox, ada, bela);
  console.log(`\nDone. API reference: ${api.url}/docs`);
}

async function signUp(api: Api, person: Visitor): Promise<void> {
  const { username } = person;
  const password = demoPassword(username);
  await step(api, `${username} registers`, {
    method: 'POST',
    path: '/register',
    body: { username, email: `${username}@example.com`, password },
  });
  const { body } = await step(
    api,
    `${username} signs in`,
    { method: 'POST', path: '/login', body: { username, password } },
    { keep: person },
  );
  person.token = textField(body, 'access_token');
}

async function followAndPost(api: Api, ada: Visitor, bela: Visitor): Promise<string> {
  await step(api, `${bela.username} follows ${ada.username}`, {
    method: 'POST',
    path: `/users/follow/${ada.username}`,
    as: bela,
  });
  const { body } = await step(api, `${ada.username} posts`, {
    method: 'POST',
    path: '/posts',
    as: ada,
    body: { text: `Two rooks on the roof opposite, @${bela.username}! #birds` },
  });
  const postId = textField(body, 'id');
  await eventually(
    api,
    `The post appears on ${bela.username}’s home timeline`,
    { method: 'GET', path: `/posts/home/${bela.username}`, as: bela },
    (home) => itemsOf(home).some((post) => field(post, 'id') === postId),
  );
  return postId;
}

async function askToFollow(api: Api, ada: Visitor, bela: Visitor): Promise<void> {
  const lock = { method: 'PATCH', path: '/users/me', as: bela, body: { locked: true } };
  await step(api, `${bela.username} approves followers from now on`, lock);
  const follow = { method: 'POST', path: `/users/follow/${bela.username}`, as: ada };
  await step(api, `${ada.username} asks to follow ${bela.username}`, follow, { status: 202 });
  const path = `/users/me/follow-requests/${ada.username}/authorize`;
  await step(api, `${bela.username} authorizes the request`, { method: 'POST', path, as: bela });
}

async function postAsynchronously(api: Api, ada: Visitor): Promise<void> {
  const { body } = await step(
    api,
    `${ada.username} posts asynchronously (accepted with 202, created by a worker)`,
    { method: 'POST', path: '/posts/async', as: ada, body: { text: 'And a third one has joined them.' } },
    { status: 202 },
  );
  await eventually(
    api,
    'The post exists under the id of the 202 response',
    { method: 'GET', path: textField(body, 'location') },
    (post) => field(post, 'id') === field(body, 'id'),
  );
}

async function quotePost(api: Api, bela: Visitor, postId: string): Promise<void> {
  await step(
    api,
    `${bela.username} quotes the post`,
    { method: 'POST', path: '/posts', as: bela, body: { text: 'Look at these two!', repost_of: postId } },
    { status: 201 },
  );
}

async function like(api: Api, ada: Visitor, bela: Visitor, postId: string): Promise<void> {
  await step(
    api,
    `${bela.username} likes the post of ${ada.username}`,
    { method: 'POST', path: `/likes/${postId}`, as: bela },
    { status: 201 },
  );
  await step(
    api,
    'A repeated like changes nothing',
    { method: 'POST', path: `/likes/${postId}`, as: bela },
    { status: 200 },
  );
  await eventually(
    api,
    'The like is counted once',
    { method: 'GET', path: `/likes/${postId}/count` },
    (likes) => field(likes, 'count') === 1,
  );
  await step(api, 'The most popular posts', { method: 'GET', path: '/likes/popular?limit=3' });
}

async function vote(api: Api, ada: Visitor, bela: Visitor): Promise<void> {
  const { body } = await step(api, `${ada.username} creates a poll`, {
    method: 'POST',
    path: '/polls',
    as: ada,
    body: { question: 'Which is the cleverest?', options: ['Rook', 'Jackdaw', 'Magpie'] },
  });
  const ballot: Request = {
    method: 'POST',
    path: `/polls/${textField(body, 'id')}/vote`,
    as: bela,
    body: { option: 'Rook' },
  };
  await step(
    api,
    `${ada.username} posts the poll`,
    { method: 'POST', path: '/posts', as: ada, body: { poll_id: textField(body, 'id') } },
    { status: 201 },
  );
  await step(api, `${bela.username} votes`, ballot);
  await step(api, 'A second vote is rejected', ballot, { status: 409 });
}

/** A payment is accepted, processed by a worker, booked in the ledger, invoiced by mail, and refunded in part. */
async function pay(api: Api, inbox: string, payer: Visitor): Promise<void> {
  const payment: Request = {
    method: 'POST',
    path: '/payments',
    as: payer,
    body: { amount: '12.50', currency: 'EUR', description: 'A season of bird seed', payment_method: 'pm_ok' },
    idempotencyKey: `demo-${payer.username}`,
  };
  const { body } = await step(api, `${payer.username} pays`, payment, { status: 202 });
  await step(api, 'A retry with the same Idempotency-Key returns the same payment', payment, { status: 202 });
  const path = `/payments/${textField(body, 'id')}`;
  const read: Request = { method: 'GET', path, as: payer };
  await eventually(api, 'The payment succeeds', read, (paid) => field(paid, 'status') === 'succeeded');
  await receiveMail(inbox, payer, 'receives the invoice', (mail) => contains(mail, '12.50'));
  const refund: Request = {
    method: 'POST',
    path: `${path}/refunds`,
    as: payer,
    body: { amount: '5.00', reason: 'One bag was torn' },
    idempotencyKey: `demo-refund-${payer.username}`,
  };
  await step(api, `${payer.username} gets a part refunded`, refund, { status: 202 });
  const exceeding = { ...refund, body: { amount: '7.51' }, idempotencyKey: `demo-rest-${payer.username}` };
  await step(api, 'A refund above what is left is rejected', exceeding, { status: 409 });
  await eventually(api, 'The refund succeeds', read, (paid) => field(paid, 'refunded_amount') === '5.00');
}

const receiveLikeDigest = (inbox: string, author: Visitor, liker: Visitor): Promise<void> =>
  receiveMail(inbox, author, 'receives the like notification', (mail) => contains(mail, liker.username));

/** The mail catcher receives every mail of a development system and lists it (maildev's `GET /email`). */
async function receiveMail(
  inbox: string,
  receiver: Visitor,
  what: string,
  matches: (mail: unknown) => boolean,
): Promise<void> {
  const address = `${receiver.username}@example.com`;
  const url = `${inbox.replace(/\/+$/, '')}/email`;
  let subject: string | undefined;
  await waitFor(`Mail to ${address} at ${url}`, MAIL_WAIT_MS, async () => {
    const mails: unknown = await (await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) })).json();
    const mail = listOf(mails).find((each) => isTo(each, address) && matches(each));
    if (mail !== undefined) subject = String(field(mail, 'subject'));
    return mail !== undefined;
  });
  show(`${receiver.username} ${what} by mail`, `curl ${url}`, `“${subject}”`);
}

const isTo = (mail: unknown, address: string) =>
  listOf(field(mail, 'to')).some((receiver) => field(receiver, 'address') === address);
const contains = (mail: unknown, name: string) =>
  ['subject', 'text'].some((part) => String(field(mail, part)).includes(name));

async function step(
  api: Api,
  title: string,
  request: Request,
  options: { status?: number; keep?: Visitor } = {},
): Promise<Answer> {
  const answer = await send(api, request);
  const wanted = options.status;
  const good = wanted === undefined ? answer.status >= 200 && answer.status < 300 : answer.status === wanted;
  const command = curl(api, request);
  if (!good)
    throw new DemoFailure(
      `${title}: expected ${wanted ?? 'success'}, received ${answer.status}\n  ${command}\n  ${brief(answer.body)}`,
    );
  const shown = options.keep ? `${options.keep.variable}=$(${command} | jq -r .access_token)` : command;
  show(title, shown, `${answer.status} ${options.keep ? '(token)' : brief(answer.body)}`);
  return answer;
}

/** Polls until an asynchronous effect is visible. */
async function eventually(
  api: Api,
  title: string,
  request: Request,
  holds: (body: unknown) => boolean,
): Promise<void> {
  let answer: Answer | undefined;
  const started = performance.now();
  await waitFor(`${title} (${curl(api, request)})`, WAIT_MS, async () => {
    answer = await send(api, request);
    return answer.status < 300 && holds(answer.body);
  });
  const waitedMs = Math.round(performance.now() - started);
  show(title, curl(api, request), `${answer?.status} after ${waitedMs} ms  ${brief(answer?.body)}`);
}

async function waitFor(what: string, timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new DemoFailure(`Timed out after ${timeoutMs / 1000} s: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Returns the response even when it is an error, which some steps expect. */
async function send(api: Api, { method, path, as, body, idempotencyKey }: Request): Promise<Answer> {
  try {
    return await api.call(method, path, {
      ...(as && { token: as.token }),
      ...(body !== undefined && { body }),
      ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
    });
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    if (failure.status === 0) throw new DemoFailure(`${failure.message}\nStart the system with \`make up\`.`);
    return { status: failure.status, headers: new Headers(), body: { code: failure.code } };
  }
}

function curl(api: Api, { method, path, as, body, idempotencyKey }: Request): string {
  const parts = ['curl -s', method === 'GET' ? [] : `-X ${method}`, quote(`${api.url}${path}`)];
  if (as) parts.push(`-H "authorization: Bearer $${as.variable}"`);
  if (idempotencyKey !== undefined) parts.push(`-H 'idempotency-key: ${idempotencyKey}'`);
  if (body !== undefined) parts.push(`-H 'content-type: application/json' -d ${quote(JSON.stringify(body))}`);
  return parts.flat().join(' ');
}

const quote = (text: string) =>
  /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

function show(title: string, command: string, result: string): void {
  console.log(`✓ ${title}\n    ${command}\n    → ${result}`);
}

function brief(body: unknown): string {
  const text = JSON.stringify(body) ?? '';
  return text.length > 160 ? `${text.slice(0, 160)} …` : text;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const itemsOf = (page: unknown) => listOf(field(page, 'items'));

try {
  await main();
} catch (failure) {
  console.error(`✗ ${failure instanceof Error ? failure.message : failure}`);
  process.exitCode = 1;
}
