import { expect, test } from 'bun:test';
import { importAll } from '../../tests/support/portability';
import { portabilityGrpc } from './portability';

test('a record is read as strictly as the body of a request', async () => {
  const received: unknown[] = [];
  const service = portabilityGrpc([
    {
      name: 'notes',
      exportPage: async () => ({ records: [], nextCursor: undefined }),
      async importRecord({ data }) {
        received.push(data);
        return 'imported';
      },
    },
  ]);
  const records = [
    '{"text":"whole 👨‍👩‍👧‍👦"}',
    '{"text":"one","text":"two"}',
    '{"text":"\\ud83d"}',
    '{"of":{"any":["\\udc00"]}}',
    '{"\\udfff":1}',
    `{"deep":${'['.repeat(101)}${']'.repeat(101)}}`,
    '{',
  ];
  const exported = { notes: records.map((json) => ({ json, file: undefined })) };
  expect(await importAll(service, 'a1b2c3d4-0000-7000-8000-000000000000', exported)).toEqual({
    notes: { imported: 1, 'record.invalid': 6 },
  });
  expect(received).toEqual([{ text: 'whole 👨‍👩‍👧‍👦' }]);
});
