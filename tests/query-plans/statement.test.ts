import { expect, test } from 'bun:test';
import { shapeOf, tablesIn } from './statement';

const named = (text: string) =>
  tablesIn(shapeOf(text)).map(({ table, columns }) => [table, [...columns].sort()]);

test.each([
  ['select `id` from `posts` where `posts`.`id` in (1, 2)', [['posts', ['id']]]],
  [
    "select `id` from `posts` where `visibility` = 'from `x` where' and `id` < 5",
    [['posts', ['visibility']]],
  ],
  ['select `id` from `posts` where `id` < 5 order by `id` desc', [['posts', []]]],
  [
    "insert into `follows` (`a`, `b`) values (x'01', x'02') on duplicate key update `b` = 3",
    [['follows', ['a', 'b']]],
  ],
  [
    'select * from `refunds` inner join `payments` on `payments`.`id` = `refunds`.`payment_id` where `refunds`.`payment_id` in (1)',
    [
      ['refunds', ['payment_id']],
      ['payments', ['id']],
    ],
  ],
  ['update `users` set `x` = 1 where `users`.`id` = 7', [['users', ['id']]]],
  [
    'with recursive thread (id) as (select id from `posts` where reply_to = 4) select id from thread',
    [['posts', ['reply_to']]],
  ],
  ['select `id` from `queue` where `id` = 1 for update skip locked', [['queue', ['id']]]],
])('%s', (text, expected) => {
  expect(named(text)).toEqual(expected as typeof expected & [string, string[]][]);
});

test('statements that differ in values alone have one shape', () => {
  const shapes = [
    "select 1 from t where a in ('x', 'it''s') and b = -2.5",
    "select 9 from t where a in ('y') and b = 7",
  ];
  expect(new Set(shapes.map(shapeOf)).size).toBe(1);
});
