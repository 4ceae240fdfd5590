import { expect, test } from 'bun:test';
import { servicesUp } from './gateway-readiness';

test('a service counts only once an instance of it is up', () => {
  const services = {
    users: { instances: [{ state: 'starting' }, { state: 'up' }] },
    likes: { instances: [{ state: 'unhealthy' }] },
    polls: [],
    auth: { state: 'up' },
  };
  expect([...servicesUp({ services })]).toEqual(['users', 'auth']);
});

test('services may also come as a list', () => {
  expect([
    ...servicesUp({ services: [{ name: 'users', instances: [{ state: 'up' }] }, { name: 'likes' }] }),
  ]).toEqual(['users']);
});

test('an answer that is no such document shows nothing up', () => {
  for (const document of [null, 'ok', {}, { services: 3 }]) expect(servicesUp(document).size).toBe(0);
});
