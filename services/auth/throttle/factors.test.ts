import { afterAll, expect, test } from 'bun:test';
import { startIdentity } from '../../../tests/support/identity';
import { codeOf, peopleWithFactors } from '../../../tests/support/second-factors';

const identity = await startIdentity({ passwords: 'cheap' });
const { begin, complete, joinWithApp } = peopleWithFactors(identity);

afterAll(() => identity.close());

/** An address that no other test or run has used. */
const newAddress = () => `2001:db8:${randomGroup()}:${randomGroup()}::1`;
const randomGroup = () => Math.floor(Math.random() * 65_536).toString(16);
const from = (address: string, cookie?: string) => ({
  'x-forwarded-for': address,
  ...(cookie !== undefined && { cookie }),
});

/** Somebody who has signed in at an address with the app. */
async function owner() {
  const person = await joinWithApp();
  const home = newAddress();
  const signedIn = await complete(
    await begin(person.username, from(home)),
    { code: codeOf(person.secret) },
    from(home),
  );
  expect(signedIn.status).toBe(200);
  const device = signedIn.headers.getSetCookie().find((cookie) => cookie.startsWith('device='));
  return { ...person, home, device: device?.split(';')[0] ?? '' };
}

/** Wrong codes from one place, each of a sign-in of its own. @returns the statuses */
async function guess(username: string, secret: string, times: number, headers: Record<string, string>) {
  const code = codeOf(secret, { steps: 1_000 });
  const tokens = await Promise.all(Array.from({ length: times }, () => begin(username, headers)));
  const answers = await Promise.all(tokens.map((token) => complete(token, { code }, headers)));
  return answers.map(({ status }) => status).sort();
}

const repeated = (status: number, times: number) => Array<number>(times).fill(status);

test('whoever knows the password guesses ten codes from one network, however many at once, and keeps the owner out nowhere else', async () => {
  const { device, home, secret, username } = await owner();
  const stranger = newAddress();
  expect(await guess(username, secret, 14, from(stranger))).toEqual([
    ...repeated(401, 10),
    ...repeated(429, 4),
  ]);
  const code = codeOf(secret, { steps: 1 });
  const refused = await complete(await begin(username, from(stranger)), { code }, from(stranger));
  expect([refused.status, refused.body.code]).toEqual([429, 'auth.too-many-attempts']);
  expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 3_601);
  const metrics = await identity.authDeps.runtime.metrics.metrics();
  expect(metrics).toContain('auth_attempts_refused_total{limit="code-network"} 5');
  // In the owner's own network nobody counts but who guesses there.
  expect(await guess(username, secret, 11, from(home))).toEqual([...repeated(401, 10), 429]);
  const known = from(home, device);
  expect((await complete(await begin(username, known), { code }, known)).status).toBe(200);
});

test('from all strange networks together twenty codes are guessed, and at home the owner’s is taken', async () => {
  const { home, secret, username } = await owner();
  const statuses: number[] = [];
  for (let network = 0; network < 3; network++)
    statuses.push(...(await guess(username, secret, 9, from(newAddress()))));
  // The owner's first one, when the home was a strange network too, is of the twenty.
  expect(statuses.sort()).toEqual([...repeated(401, 19), ...repeated(429, 8)]);
  const code = codeOf(secret, { steps: 1 });
  expect((await complete(await begin(username, from(home)), { code }, from(home))).status).toBe(200);
});

test('a recovery code is taken wherever codes of apps are refused', async () => {
  const { recoveryCodes, secret, username } = await owner();
  const place = from(newAddress());
  expect((await guess(username, secret, 11, place)).at(-1)).toBe(429);
  const [recovery_code = ''] = recoveryCodes;
  expect((await complete(await begin(username, place), { recovery_code }, place)).status).toBe(200);
});

test('a right password does not forget the codes that were guessed on a device', async () => {
  const { device, secret, username } = await owner();
  const place = from(newAddress(), device);
  expect(await guess(username, secret, 10, place)).toEqual(repeated(401, 10));
  expect(await guess(username, secret, 2, place)).toEqual([429, 429]);
});
