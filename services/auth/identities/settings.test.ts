import { expect, test } from 'bun:test';
import { parseEnvironment } from '#kit/config/environment';
import { signInProviders } from './settings';

const parse = (providers?: unknown, source: Record<string, string> = {}) =>
  parseEnvironment(
    { SIGN_IN_PROVIDERS: signInProviders() },
    {
      ...(providers !== undefined && {
        SIGN_IN_PROVIDERS: typeof providers === 'string' ? providers : JSON.stringify(providers),
      }),
      ...source,
    },
  );

const ACME = {
  name: 'acme',
  issuer: 'https://id.acme.example',
  client_id: 'rookery',
  client_secret: 'a secret that nobody knows',
};
const PRODUCTION = { NODE_ENV: 'production' };

test('there are no providers by default', () => {
  expect(parse()).toEqual({ values: { SIGN_IN_PROVIDERS: [] }, problems: [] });
});

test('the defaults trust nobody', () => {
  const { values, problems } = parse([ACME]);
  expect(problems).toEqual([]);
  expect(values.SIGN_IN_PROVIDERS).toEqual([
    {
      name: 'acme',
      label: 'acme',
      issuer: 'https://id.acme.example',
      clientId: 'rookery',
      clientSecret: 'a secret that nobody knows',
      scopes: 'openid profile email',
      trustsEmail: false,
      allowedRanges: [],
    },
  ]);
});

test('everything can be set', () => {
  const club = {
    name: 'my-club',
    label: 'My Club',
    issuer: 'https://sso.club.example/realms/members',
    client_id: 'club',
    scopes: 'openid email',
    trust_email: true,
    allowed_ranges: ['10.0.0.0/8', '192.168.1.1'],
  };
  const { values, problems } = parse([ACME, club]);
  expect([problems, values.SIGN_IN_PROVIDERS[1]]).toEqual([
    [],
    {
      name: 'my-club',
      label: 'My Club',
      issuer: 'https://sso.club.example/realms/members',
      clientId: 'club',
      clientSecret: undefined,
      scopes: 'openid email',
      trustsEmail: true,
      allowedRanges: ['10.0.0.0/8', '192.168.1.1'],
    },
  ]);
});

test.each([
  ['no JSON', 'acme,other'],
  ['no array', ACME],
  ['something else in it', [null]],
  ['a member that is not known', [{ ...ACME, clientSecret: 'x' }]],
  ['too many', Array.from({ length: 11 }, (_, index) => ({ ...ACME, name: `p${index}` }))],
  ['one name twice', [ACME, ACME]],
])('%s is refused', (_, providers) => {
  expect(parse(providers).problems).toHaveLength(1);
});

test('all problems of all providers are reported at once, without a value', () => {
  const { problems } = parse([
    { ...ACME, issuer: 'http://id.acme.example', scopes: 'email', label: 'two\nlines', client_id: '' },
    {
      name: '../other',
      issuer: 'https://user:word@other.example',
      client_id: 'rookery',
      trust_email: 'perhaps',
      allowed_ranges: ['everything'],
      'a secret as a name': 1,
    },
  ]);
  const [problem = ''] = problems;
  for (const member of ['issuer', 'scopes', 'label', 'client_id'])
    expect(problem).toContain(`${member} of number 1 must be`);
  for (const member of ['name', 'issuer', 'trust_email', 'allowed_ranges'])
    expect(problem).toContain(`${member} of number 2 must be`);
  for (const value of ['secret that', 'acme', 'word', 'perhaps', 'everything', 'two', 'as a name'])
    expect(problem).not.toContain(value);
});

test('plain HTTP is for a provider on this machine, and not for production', () => {
  const local = { ...ACME, issuer: 'http://127.0.0.1:8080' };
  const { values, problems } = parse([local]);
  expect([problems, values.SIGN_IN_PROVIDERS[0]?.allowedRanges]).toEqual([[], ['127.0.0.0/8', '::1']]);
  expect(parse([local], PRODUCTION).problems.join()).toContain('has no TLS');
  expect(parse([ACME], PRODUCTION).problems).toEqual([]);
});

test('production refuses a secret that everybody knows', () => {
  const known = parse([{ ...ACME, client_secret: 'changeme' }], PRODUCTION);
  expect(known.problems.join()).toContain('well-known');
});
