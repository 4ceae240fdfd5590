import { expect, test } from 'bun:test';
import { isReservedUsername } from './rules';

test.each([
  ...[
    'admin',
    'administrator',
    'security',
    'postmaster',
    'root',
    'support',
    'abuse',
    'hostmaster',
    'webmaster',
  ],
  ...['api', 'oauth', 'www', 'me', 'search'],
  // What looks the same.
  ...[
    'adm1n',
    '4dmin',
    'adrnin',
    'a_d_m_i_n',
    '_admin_',
    'r00t',
    'supp0rt',
    '5ecurity',
    'secur1ty',
    'p0stmaster',
  ],
  ...['vvww', 'webrnaster', 'm0derat0r', 'admlnlstrator', 'r0okery', 'mailer_daemon', 'no_reply'],
])('%s is reserved', (name) => {
  expect(isReservedUsername(name)).toBe(true);
});

test.each([
  ...[
    'ada',
    'alice',
    'operator',
    'owner',
    'badminton',
    'adminton',
    'supporter',
    'me2',
    'm3',
    'id4',
    'newsie',
  ],
  ...[
    'roo',
    'rooter',
    'apis_mellifera',
    'helper',
    'fan_of_rookery',
    'legally',
    'user_1',
    'mod_squad',
    'admin_5',
  ],
])('%s may be registered', (name) => {
  expect(isReservedUsername(name)).toBe(false);
});
