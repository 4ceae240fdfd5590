import { expect, test } from 'bun:test';
import { UserDeleted } from '#contracts/events/users';
import { EVENTS } from './broker-definitions';

/** Texts without a pattern that are nobody's words. */
const NO_WORDS: Readonly<Record<string, string>> = {
  'user.authorizations-changed roles': 'names of roles, which operators give',
  'user.authorizations-changed permissions': 'names of permissions',
  'picture.uploaded type': 'a media type',
  'file.stored type': 'a media type',
  'avatar.changed avatar_url': 'leads to a file that is erased with its owner',
};

/** Whether a schema accepts any text. */
function hasText(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  if (Array.isArray(schema)) return schema.some(hasText);
  const isText =
    'type' in schema && schema.type === 'string' && !('pattern' in schema) && !('const' in schema);
  return isText || Object.values(schema).some(hasText);
}

test('an event with room for words says that it is personal', () => {
  const unsaid = EVENTS.filter(({ personal }) => !personal).flatMap(({ name, data }) =>
    Object.entries(data.properties).flatMap(([field, schema]) =>
      hasText(schema) ? [`${name} ${field}`] : [],
    ),
  );
  expect(unsaid.toSorted()).toEqual(Object.keys(NO_WORDS).toSorted());
});

test('whoever may park a personal event learns of erasures', () => {
  const queues = EVENTS.flatMap(({ personal, consumers }) => (personal ? consumers : []));
  expect(queues.length).toBeGreaterThan(0);
  expect([...new Set(queues)].filter((queue) => !UserDeleted.consumers.includes(queue))).toEqual([]);
});
