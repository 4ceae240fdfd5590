import { describe, expect, test } from 'bun:test';
import { createAddressPolicy, DEVELOPMENT_HOSTS, invalidHostEntry } from './address-policy';

const refused = (policy: (host: string) => string | undefined, hosts: readonly string[]) =>
  hosts.filter((host) => policy(host) !== undefined);

describe('the address policy', () => {
  test('accepts only loopback and private addresses in development', () => {
    const policy = createAddressPolicy(DEVELOPMENT_HOSTS);
    expect(
      refused(policy, ['127.0.0.1', 'localhost', '10.1.2.3', '172.31.0.1', '192.168.1.1', '::1', 'fd12::1']),
    ).toEqual([]);
    const others = ['8.8.8.8', '172.32.0.1', '2606:4700::1111', 'example.com', 'localhost.example.com'];
    expect(refused(policy, others)).toEqual(others);
  });

  test('matches names and suffixes by whole labels', () => {
    const policy = createAddressPolicy(['users.internal', '*.svc.cluster.local']);
    expect(refused(policy, ['users.internal', 'posts.default.svc.cluster.local'])).toEqual([]);
    const others = ['xusers.internal', 'evilsvc.cluster.local', 'svc.cluster.local', '127.0.0.1'];
    expect(refused(policy, others)).toEqual(others);
  });

  test('refuses link-local, metadata, unspecified and multicast addresses even when the allow-list covers them', () => {
    const policy = createAddressPolicy(['0.0.0.0/0', '::/0', '*.internal', 'metadata']);
    const alwaysRefused = [
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
    expect(refused(policy, alwaysRefused)).toEqual(alwaysRefused);
    expect(refused(policy, ['8.8.8.8', '2606:4700::1111', 'users.internal'])).toEqual([]);
  });

  test('cannot be bypassed by alternative spellings of an address', () => {
    const policy = createAddressPolicy(['0.0.0.0/0', '::/0', '*.1', 'localhost']);
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
    expect(refused(policy, spellings)).toEqual(spellings);
  });

  test('reports the invalid entry of an allow-list', () => {
    expect(invalidHostEntry([...DEVELOPMENT_HOSTS, '*.internal'])).toBeUndefined();
    expect(invalidHostEntry(['10.0.0.0/33'])).toBe('10.0.0.0/33');
    expect(invalidHostEntry(['localhost', 'http://localhost'])).toBe('http://localhost');
  });
});
