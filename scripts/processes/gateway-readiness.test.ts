import { expect, test } from 'bun:test';
import { servicesUp } from './gateway-readiness';

test('a service is up when one of its instances is', () => {
  const services = {
    users: { instances: [{ state: 'starting' }, { state: 'up' }] },
    likes: { instances: [{ state: 'unhealthy' }] },
    polls: [],
    auth: { state: 'up' },
  };
  expect([...servicesUp({ services })]).toEqual(['users', 'auth']);
});

test('a service on several machines is up when that many of its instances are', () => {
  const services = {
    users: { instances: [{ state: 'up' }, { state: 'up' }] },
    likes: { instances: [{ state: 'up' }, { state: 'unhealthy' }] },
  };
  expect([...servicesUp({ services }, 2)]).toEqual(['users']);
});

test('services may also be a list', () => {
  expect([
    ...servicesUp({ services: [{ name: 'users', instances: [{ state: 'up' }] }, { name: 'likes' }] }),
  ]).toEqual(['users']);
});

test('an unexpected document contains no services', () => {
  for (const document of [null, 'ok', {}, { services: 3 }]) expect(servicesUp(document).size).toBe(0);
});
