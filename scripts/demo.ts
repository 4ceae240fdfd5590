import { sleep } from '#kit/core/back-off';
import { readState } from '../infra/state';
import { type Answer, type Api, ApiFailure, DEFAULT_GATEWAY_URL, field, openApi, textField } from './api';
import { demoPassword } from './demo-people';

const DEFAULT_INBOX_URL = 'http://127.0.0.1:11080';
const LOOK_EVERY_MS = 100;
const WAIT_MS = 15_000;
/** Likes of a post are told of together: the mail comes once its author has been left a moment for more of them. */
const MAIL_WAIT_MS = 90_000;

interface Visitor {
  readonly username: string;
  /** The shell variable that holds their token in the commands shown. */
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

/** A step that did not go as the story tells. */
class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
}

/** Walks the main story through the gateway, with new people each time, and shows each step as a curl command. */
async function main(): Promise<void> {
  const api = openApi(process.env.GATEWAY_URL ?? DEFAULT_GATEWAY_URL);
  const inbox = process.env.MAIL_INBOX_URL ?? readState()?.environment.MAIL_INBOX_URL ?? DEFAULT_INBOX_URL;
  const suffix = Date.now().toString(36);
  const ada: Visitor = { username: `ada_${suffix}`, variable: 'ADA', token: '' };
  const bela: Visitor = { username: `bela_${suffix}`, variable: 'BELA', token: '' };
  console.log(`The main story, told at ${api.url}\n`);

  for (const person of [ada, bela]) await join(api, person);
  const postId = await followAndPost(api, ada, bela);
  await postLater(api, ada);
  await like(api, ada, bela, postId);
  await vote(api, ada, bela);
  await pay(api, inbox, bela);
  await hearOfLike(inbox, ada, bela);
  console.log(`\nThat is the story. Every route: ${api.url}/docs`);
}

async function join(api: Api, person: Visitor): Promise<void> {
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
    `the post is on ${bela.username}’s home timeline`,
    { method: 'GET', path: `/posts/home/${bela.username}`, as: bela },
    (home) => itemsOf(home).some((post) => field(post, 'id') === postId),
  );
  return postId;
}

async function postLater(api: Api, ada: Visitor): Promise<void> {
  const { body } = await step(
    api,
    `${ada.username} posts asynchronously: taken at once, created by a worker`,
    { method: 'POST', path: '/posts/async', as: ada, body: { text: 'And a third one has joined them.' } },
    { status: 202 },
  );
  await eventually(
    api,
    'the post is there, under the id it was given',
    { method: 'GET', path: textField(body, 'location') },
    (post) => field(post, 'id') === field(body, 'id'),
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
    'liking it again changes nothing',
    { method: 'POST', path: `/likes/${postId}`, as: bela },
    { status: 200 },
  );
  await eventually(
    api,
    'the like is counted once',
    { method: 'GET', path: `/likes/${postId}/count` },
    (likes) => field(likes, 'count') === 1,
  );
  await step(api, 'the most popular posts', { method: 'GET', path: '/likes/popular?limit=3' });
}

async function vote(api: Api, ada: Visitor, bela: Visitor): Promise<void> {
  const { body } = await step(api, `${ada.username} asks`, {
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
  await step(api, `${bela.username} votes`, ballot);
  await step(api, 'a second vote is refused', ballot, { status: 409 });
}

/** A payment is taken at once, moved by a worker, booked, invoiced, and the invoice comes by mail. */
async function pay(api: Api, inbox: string, payer: Visitor): Promise<void> {
  const payment: Request = {
    method: 'POST',
    path: '/payments',
    as: payer,
    body: { amount: '12.50', currency: 'EUR', description: 'A season of bird seed', payment_method: 'pm_ok' },
    idempotencyKey: `demo-${payer.username}`,
  };
  const { body } = await step(api, `${payer.username} pays`, payment, { status: 202 });
  await step(api, 'sent again by mistake, it is still one payment', payment, { status: 202 });
  await eventually(
    api,
    'the payment has succeeded',
    { method: 'GET', path: `/payments/${textField(body, 'id')}`, as: payer },
    (paid) => field(paid, 'status') === 'succeeded',
  );
  await receiveMail(inbox, payer, 'gets the invoice', (mail) => tellsOf(mail, '12.50'));
}

const hearOfLike = (inbox: string, author: Visitor, liker: Visitor): Promise<void> =>
  receiveMail(inbox, author, 'hears of the like', (mail) => tellsOf(mail, liker.username));

/** The catcher takes every mail of a development system and shows it (maildev's `GET /email`). */
async function receiveMail(
  inbox: string,
  receiver: Visitor,
  what: string,
  isMeant: (mail: unknown) => boolean,
): Promise<void> {
  const address = `${receiver.username}@example.com`;
  const url = `${inbox.replace(/\/+$/, '')}/email`;
  let subject: string | undefined;
  await waitFor(`a mail to ${address} at ${url}`, MAIL_WAIT_MS, async () => {
    const mails: unknown = await (await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) })).json();
    const mail = listOf(mails).find((each) => isTo(each, address) && isMeant(each));
    if (mail !== undefined) subject = String(field(mail, 'subject'));
    return mail !== undefined;
  });
  show(`${receiver.username} ${what} by mail`, `curl ${url}`, `“${subject}”`);
}

const isTo = (mail: unknown, address: string) =>
  listOf(field(mail, 'to')).some((receiver) => field(receiver, 'address') === address);
const tellsOf = (mail: unknown, name: string) =>
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
      `${title}: ${wanted ?? 'success'} was expected and ${answer.status} came\n  ${command}\n  ${brief(answer.body)}`,
    );
  const shown = options.keep ? `${options.keep.variable}=$(${command} | jq -r .access_token)` : command;
  show(title, shown, `${answer.status} ${options.keep ? '(a token)' : brief(answer.body)}`);
  return answer;
}

/** What a moment later another process has done. */
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
    if (performance.now() > deadline) throw new DemoFailure(`not within ${timeoutMs / 1000} s: ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** The answer, also when it is a refusal: some steps are there to be refused. */
async function send(api: Api, { method, path, as, body, idempotencyKey }: Request): Promise<Answer> {
  try {
    return await api.call(method, path, {
      ...(as && { token: as.token }),
      ...(body !== undefined && { body }),
      ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
    });
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    if (failure.status === 0)
      throw new DemoFailure(`${failure.message}\nIs it running? Start everything with \`make up\`.`);
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
