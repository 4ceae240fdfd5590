import { readState } from '../infra/state';
import { type Api, DEFAULT_GATEWAY_URL, field, openApi, textField } from './api';
import { receiveMail } from './demo/inbox';
import { demoPassword } from './demo/people';
import { signInWithApp } from './demo/second-factor';
import { eventually, itemsOf, type Request, step, type Visitor } from './demo/steps';

const DEFAULT_INBOX_URL = 'http://127.0.0.1:11080';

/** Runs the main workflow through the gateway with new accounts, and prints each step as a curl command. */
async function main(): Promise<void> {
  const api = openApi(process.env.GATEWAY_URL ?? DEFAULT_GATEWAY_URL);
  const inbox = process.env.MAIL_INBOX_URL ?? readState()?.environment.MAIL_INBOX_URL ?? DEFAULT_INBOX_URL;
  const suffix = Date.now().toString(36);
  const ada: Visitor = { username: `ada_${suffix}`, variable: 'ADA', token: '' };
  const bela: Visitor = { username: `bela_${suffix}`, variable: 'BELA', token: '' };
  console.log(`Main workflow at ${api.url}\n`);

  for (const person of [ada, bela]) await signUp(api, person);
  await confirmAddress(api, inbox, ada);
  await signInWithApp(api, ada, demoPassword(ada.username));
  const postId = await followAndPost(api, ada, bela);
  await askToFollow(api, ada, bela);
  await postAsynchronously(api, ada);
  await quotePost(api, bela, postId);
  await like(api, ada, bela, postId);
  await vote(api, ada, bela);
  await pay(api, inbox, bela);
  await receiveLikeDigest(inbox, ada, bela);
  await exportEverything(api, ada);
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

/** In production, mail is sent to confirmed addresses only. */
async function confirmAddress(api: Api, inbox: string, person: Visitor): Promise<void> {
  const path = '/users/email/verification';
  const text = await receiveMail(inbox, person, 'receives the verification', path);
  const token = /verification\?token=([\w-]+)/.exec(text)?.[1];
  const confirmation = { method: 'POST', path, body: { token } };
  await step(api, `${person.username} confirms the address`, confirmation, { status: 204 });
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
  await receiveMail(inbox, payer, 'receives the invoice', '12.50');
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

/** A worker collects the person's data from all services. */
async function exportEverything(api: Api, ada: Visitor): Promise<void> {
  const request = { method: 'POST', path: '/archives/exports', as: ada };
  const { body } = await step(api, `${ada.username} exports all their data`, request, { status: 202 });
  await eventually(
    api,
    'The ZIP file is ready; its `url` is for its owner',
    { method: 'GET', path: `/archives/exports/${textField(body, 'id')}`, as: ada },
    (started) => field(started, 'status') === 'complete',
  );
}

const receiveLikeDigest = (inbox: string, author: Visitor, liker: Visitor): Promise<string> =>
  receiveMail(inbox, author, 'receives the like notification', liker.username);

try {
  await main();
} catch (failure) {
  console.error(`✗ ${failure instanceof Error ? failure.message : failure}`);
  process.exitCode = 1;
}
