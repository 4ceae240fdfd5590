import { describe, expect, test } from 'bun:test';
import {
  choice,
  flag,
  integer,
  optionalText,
  parseEnvironment,
  port,
  requiredInProduction,
  text,
} from './environment';
import { paymentProviderFields, registrationFields } from './fields';
import { optionalSecret, secret } from './secrets';
import { url, urls } from './urls';

const fields = {
  PORT: port(5100),
  NAME: text('rookery'),
  NEEDED: text(),
  COUNT: integer(5, { min: 1, max: 10 }),
  ON: flag(false),
  MODE: choice(['quick', 'safe'], 'safe'),
  ADDRESS: url('http://127.0.0.1'),
  PEERS: urls('http://127.0.0.1:1'),
  MAYBE: optionalText(),
  KEY: secret('development-key-for-all'),
};

describe('an environment', () => {
  test('with only the required variables set yields the defaults', () => {
    const { values, problems } = parseEnvironment(fields, { NEEDED: 'yes' });
    expect(problems).toEqual([]);
    expect(values).toMatchObject({
      PORT: 5100,
      MODE: 'safe',
      PEERS: ['http://127.0.0.1:1'],
      KEY: 'development-key-for-all',
    });
    expect(values.MAYBE).toBeUndefined();
  });

  test('with several errors reports all of them at once, without the values', () => {
    const { problems } = parseEnvironment(fields, {
      PORT: '70000',
      COUNT: '2.5',
      ON: 'maybe',
      MODE: 'reckless',
      ADDRESS: 'nowhere at all',
      PEERS: 'http://127.0.0.1,elsewhere',
      KEY: 'hunter2',
    });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      ...['PORT', 'NEEDED', 'COUNT', 'ON', 'MODE', 'ADDRESS', 'PEERS', 'KEY'],
    ]);
    for (const value of ['70000', '2.5', 'maybe', 'reckless', 'nowhere', 'hunter2'])
      expect(problems.join()).not.toContain(value);
  });

  test('for production rejects a development secret, set or unset, and that of any other variable', () => {
    const production = { NODE_ENV: 'production', NEEDED: 'yes' };
    const problemsOf = (source: NodeJS.ProcessEnv) => parseEnvironment(fields, source).problems;
    expect(problemsOf(production)).toHaveLength(1);
    for (const KEY of ['development-key-for-all', 'rookery-development', 'development-internal-secret'])
      expect(problemsOf({ ...production, KEY })).toEqual([expect.stringContaining('KEY is a well-known')]);
    expect(problemsOf({ ...production, KEY: 'a key for production only' })).toEqual([]);
  });

  test('for production requires a value where no default is safe, and says what to do', () => {
    const limited = { LIMIT: requiredInProduction(integer(0, { min: 0, max: 10 }), 'a limit, or 0') };
    const problemsOf = (source: NodeJS.ProcessEnv) => parseEnvironment(limited, source).problems;
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'LIMIT must be set in production: a limit, or 0',
    ]);
    expect(problemsOf({ NODE_ENV: 'production', LIMIT: '0' })).toEqual([]);
  });

  test('for production requires one of two, and takes no notice of the default of the other', () => {
    const problemsOf = (source: NodeJS.ProcessEnv) =>
      parseEnvironment(registrationFields, { NODE_ENV: 'production', ...source }).problems;
    expect(problemsOf({})).toEqual([
      expect.stringMatching(/^REGISTRY_TOKEN must be set .*REGISTRY_CREDENTIAL/),
    ]);
    expect(problemsOf({ REGISTRY_CREDENTIAL: 'a-credential-of-one-service' })).toEqual([]);
    expect(problemsOf({ REGISTRY_TOKEN: 'the-token-of-all-services' })).toEqual([]);
    const wellKnown = {
      REGISTRY_CREDENTIAL: 'a-credential-of-one-service',
      REGISTRY_TOKEN: 'development-registry-token',
    };
    expect(problemsOf(wellKnown)).toHaveLength(1);
  });

  test('rejects half a pair', () => {
    const pair = { USER: optionalSecret('PASSWORD'), PASSWORD: optionalSecret('USER') };
    const problemsOf = (source: NodeJS.ProcessEnv) => parseEnvironment(pair, source).problems;
    expect(problemsOf({ USER: 'me' })).toEqual(['PASSWORD must be set, because USER is']);
    expect(problemsOf({ PASSWORD: 'mine' })).toEqual(['USER must be set, because PASSWORD is']);
    expect([problemsOf({}), problemsOf({ USER: 'me', PASSWORD: 'mine' })]).toEqual([[], []]);
  });

  test('requires what the value of another variable needs, at once', () => {
    const problemsOf = (source: NodeJS.ProcessEnv) =>
      parseEnvironment(paymentProviderFields, source).problems;
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ PAYMENT_PROVIDER: 'stripe' })).toEqual([
      'STRIPE_SECRET_KEY must be set, because PAYMENT_PROVIDER is stripe',
    ]);
    const key = 'sk_test_0123456789abcdef';
    expect(problemsOf({ PAYMENT_PROVIDER: 'stripe', STRIPE_SECRET_KEY: key })).toEqual([]);
    for (const STRIPE_SECRET_KEY of [
      'pk_live_0123456789abcdef',
      'sk_live_',
      'whsec_0123456789abcdef',
      `${key} `,
    ])
      expect(problemsOf({ PAYMENT_PROVIDER: 'stripe', STRIPE_SECRET_KEY })).toHaveLength(1);
    for (const STRIPE_API_URL of [
      'https://a.example/v1',
      'https://a.example?x',
      'https://u:p@a.example',
      'x',
    ])
      expect(problemsOf({ STRIPE_API_URL })).toHaveLength(1);
    const production = { NODE_ENV: 'production', STRIPE_SECRET_KEY: key.replace('test', 'live') };
    expect(problemsOf({ ...production, PAYMENT_PROVIDER: 'stripe' })).toEqual([]);
    expect(problemsOf({ ...production, PAYMENT_PROVIDER: 'mock' })).toEqual([
      'PAYMENT_PROVIDER is mock, which takes no money: use stripe',
    ]);
  });

  test('treats an empty variable as unset', () => {
    expect(parseEnvironment(fields, { NEEDED: '' }).problems).toEqual(['NEEDED must be set']);
  });
});

test('a whole number is written in decimal digits', () => {
  const count = { COUNT: integer(5, { min: 0, max: 10_000 }) };
  expect(parseEnvironment(count, { COUNT: '120' })).toEqual({ values: { COUNT: 120 }, problems: [] });
  for (const COUNT of ['1e3', '0x10', '0b1', '1.0', '+5', ' 5', '٥', '1_000'])
    expect(parseEnvironment(count, { COUNT }).problems).toHaveLength(1);
});
