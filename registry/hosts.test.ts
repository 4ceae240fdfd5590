import { describe, expect, test } from 'bun:test';
import { createHostRule, DEVELOPMENT_HOSTS, unreadableHost } from './hosts';

const refused = (rule: (host: string) => string | undefined, hosts: readonly string[]) =>
  hosts.filter((host) => rule(host) !== undefined);

describe('the allow-list', () => {
  test('of development lets loopback and private addresses in and nothing else', () => {
    const rule = createHostRule(DEVELOPMENT_HOSTS);
    expect(
      refused(rule, ['127.0.0.1', 'localhost', '10.1.2.3', '172.31.0.1', '192.168.1.1', '::1', 'fd12::1']),
    ).toEqual([]);
    const strangers = ['8.8.8.8', '172.32.0.1', '2606:4700::1111', 'example.com', 'localhost.example.com'];
    expect(refused(rule, strangers)).toEqual(strangers);
  });

  test('takes names and suffixes, matched by whole labels', () => {
    const rule = createHostRule(['users.internal', '*.svc.cluster.local']);
    expect(refused(rule, ['users.internal', 'posts.default.svc.cluster.local'])).toEqual([]);
    const strangers = ['xusers.internal', 'evilsvc.cluster.local', 'svc.cluster.local', '127.0.0.1'];
    expect(refused(rule, strangers)).toEqual(strangers);
  });

  test('cannot open the way to link-local, metadata, unspecified or multicast addresses', () => {
    const rule = createHostRule(['0.0.0.0/0', '::/0', '*.internal', 'metadata']);
    const never = [
      '169.254.169.254',
      '169.254.0.1',
      'fe80::1',
      'febf::1',
      '0.0.0.0',
      '::',
      '224.0.0.1',
      'ff02::1',
      '255.255.255.255',
      '100.100.100.200',
      '168.63.129.16',
      'fd00:ec2::254',
      'metadata',
      'metadata.google.internal',
    ];
    expect(refused(rule, never)).toEqual(never);
    expect(refused(rule, ['8.8.8.8', '2606:4700::1111', 'users.internal'])).toEqual([]);
  });

  test('is not got around by other spellings of an address', () => {
    const rule = createHostRule(['0.0.0.0/0', '::/0', '*.1', 'localhost']);
    const spellings = [
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '64:ff9b::a9fe:a9fe',
      '2002:a9fe:a9fe::1',
      '2852039166',
      '0xa9.0xfe.0xa9.0xfe',
      '0251.0376.0251.0376',
      '127.1',
      '169.254.169.254.',
      'LOCALHOST',
      'user@localhost',
      'localhost:80',
      'localhost/path',
      '[::1]',
      'a b',
      'fe80::1%eth0',
      '',
    ];
    expect(refused(rule, spellings)).toEqual(spellings);
  });

  test('says which of its own entries cannot be read', () => {
    expect(unreadableHost([...DEVELOPMENT_HOSTS, '*.internal'])).toBeUndefined();
    expect(unreadableHost(['10.0.0.0/33'])).toBe('10.0.0.0/33');
    expect(unreadableHost(['localhost', 'http://localhost'])).toBe('http://localhost');
  });
});
