import { expect, test } from 'bun:test';
import { tableOf } from './report';

const load = {
  acknowledged: {
    posts: [{ text: 'post', author: 'ada', id: '1' }],
    likes: [],
    votes: [],
    payments: [],
    files: [],
  },
  messagesSent: () => 2,
};
const killed = {
  ...{ node: 'redis-1', fault: 'killed', slowestSeconds: 6.1, slowestKind: 'like' },
  ...{ returnSeconds: 0.4, failedAttempts: 3 },
};

test('the report has a row for each case, and what was violated', () => {
  const cases = [killed, { ...killed, node: 'mariadb-1', problem: 'no vote was acknowledged' }];
  const text = tableOf(cases, { 'every post exists': [], 'outboxes are empty': ['mail: 2 messages'] }, load);
  expect(text).toContain('| redis-1 | killed | 3 | 6.1 | like | 0.4 |  |');
  expect(text).toContain('| mariadb-1 | killed | 3 | 6.1 | like | 0.4 | no vote was acknowledged |');
  expect(text).toContain('1 posts, 0 likes, 0 votes, 0 payments, 2 messages, 0 files');
  expect(text).toContain('- every post exists: holds');
  expect(text).toContain('- outboxes are empty: **violated** (mail: 2 messages)');
});
