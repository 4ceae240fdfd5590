import { expect, test } from 'bun:test';
import { createRequestHostCheck } from './request-host';

test('addresses, private names and listed names are hosts of the registry; no public name is', () => {
  const isOwn = createRequestHostCheck(['registry.example.com', '*.corp.example']);
  const own = [
    'localhost',
    'localhost:8006',
    'registry:8006',
    '127.0.0.1:8006',
    '[::1]:8006',
    'registry.rookery.svc.cluster.local',
    'registry.internal',
    'Registry.Example.com:80',
    'registry.corp.example',
  ];
  const foreign = [
    null,
    '',
    'evil.example',
    'evil.example:8006',
    'corp.example',
    'registry.example.com.evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'evil.example/localhost',
    '[evil.example]',
    '999.0.0.1',
    'a b',
  ];
  expect(own.filter((host) => !isOwn(host))).toEqual([]);
  expect(foreign.filter(isOwn)).toEqual([]);
});
