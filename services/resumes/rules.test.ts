import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { checkedResume } from './json-resume';
import { fieldsOf, maySee, withFields } from './rules';

const entries = fc.array(
  fc.dictionary(fc.constantFrom('name', 'summary', 'position', 'x-own', '__proto__'), fc.string()),
  { maxLength: 3 },
);
const documents = fc.record(
  {
    basics: fc.record({ name: fc.string(), summary: fc.string(), own: fc.jsonValue() }, { requiredKeys: [] }),
    work: entries,
    education: entries,
    skills: fc.array(
      fc.record({ name: fc.string(), level: fc.string(), own: fc.jsonValue() }, { requiredKeys: [] }),
      { maxLength: 3 },
    ),
    own: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

describe('the fields of a résumé', () => {
  test('written back as they were read change nothing of any document', () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(JSON.stringify(withFields(document, fieldsOf(document)))).toBe(JSON.stringify(document));
      }),
    );
  });

  test('are read as they were written, and leave the rest of the document alone', () => {
    const texts = fc.oneof(fc.string(), entries);
    const change = fc.record(
      {
        summary: fc.string(),
        skills: fc.array(fc.string(), { maxLength: 3 }),
        experience: texts,
        education: texts,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(documents, change, (document, fields) => {
        const changed = withFields(document, fields);
        const expected = { ...fieldsOf(document), ...fields };
        for (const name of ['experience', 'education'] as const) expected[name] = normal(expected[name]);
        expect(fieldsOf(changed)).toEqual(expected);
        expect(changed.own).toEqual(document.own);
        expect(changed.basics?.own).toEqual(document.basics?.own);
      }),
    );
  });

  test('keep what is known of a skill whose name stays', () => {
    const document = { skills: [{ name: 'SQL', level: 'Master', own: 1 }, { name: 'C' }] };
    expect(withFields(document, { skills: ['Go', 'SQL'] }).skills).toEqual([
      { name: 'Go' },
      { name: 'SQL', level: 'Master', own: 1 },
    ]);
  });
});

/** One entry that is nothing but a text is shown as that text. */
function normal(value: ReturnType<typeof fieldsOf>['experience']) {
  if (typeof value === 'string' || value.length !== 1) return value;
  const [only] = value;
  return only !== undefined && Object.keys(only).length === 1 && typeof only.summary === 'string'
    ? only.summary
    : value;
}

describe('a document is refused', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
  test.each([
    ['a text for a list', { work: 'much' }, '/work'],
    ['a number for a name', { basics: { name: 7 } }, '/basics/name'],
    ['no date', { work: [{}, { startDate: 'last spring' }] }, '/work/1/startDate'],
    ['no address of mail', { basics: { email: 'at home' } }, '/basics/email'],
    ['null for a list', { skills: null }, '/skills'],
    ['a number too exact', { own: [1, 2 ** 60] }, '/own/1'],
    ['a number too large', { own: Number.POSITIVE_INFINITY }, '/own'],
    ['too many levels', { own: nested(40) }, `/own${'/0'.repeat(23)}`],
    ['a strange key on the way', { 'my secret': { deep: 1e30 } }, ''],
  ])('for %s, by its place', (_what, document, field) => {
    expect(() => checkedResume(document)).toThrow(
      expect.objectContaining({ status: 422, errors: [expect.objectContaining({ field })] }),
    );
  });

  test('without its values in the answer', () => {
    try {
      checkedResume({
        basics: { email: 'secret-value', url: 'secret-value', name: ['secret-value'] },
        work: [{ startDate: 'secret-value' }],
      });
      throw new Error('it was taken');
    } catch (failure) {
      expect(JSON.stringify(failure)).not.toContain('secret-value');
      expect(failure).toMatchObject({ code: 'resume.invalid' });
    }
  });

  test('when it is larger than 64 KiB, and soon when a text is made to be slow to check', () => {
    expect(() => checkedResume({ own: 'x'.repeat(65 * 1024) })).toThrow(
      expect.objectContaining({ status: 413 }),
    );
    const started = performance.now();
    for (const email of [
      'a'.repeat(60_000),
      'a.'.repeat(30_000),
      `a@${'a.'.repeat(30_000)}`,
      `${'a'.repeat(60_000)}@`,
    ])
      expect(() => checkedResume({ basics: { email } })).toThrow(expect.objectContaining({ status: 422 }));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

test('a résumé is seen by its owner, by those who may read all, by everybody if public, by link with its token only', () => {
  const resume = { ownerId: 'ada', shareToken: 'token' };
  const stranger = { id: 'bob', permissions: [], token: undefined };
  const nobody = { id: null, permissions: [], token: undefined };
  for (const visibility of ['private', 'link', 'public'] as const) {
    const seenBy = (viewer: Parameters<typeof maySee>[1]) => maySee({ ...resume, visibility }, viewer);
    expect(seenBy({ ...stranger, id: 'ada' })).toBe(true);
    expect(seenBy({ ...stranger, permissions: ['resumes:read'] })).toBe(true);
    for (const viewer of [stranger, nobody]) {
      expect(seenBy(viewer)).toBe(visibility === 'public');
      expect(seenBy({ ...viewer, token: 'token' })).toBe(visibility !== 'private');
      expect(seenBy({ ...viewer, token: '' })).toBe(visibility === 'public');
    }
  }
  expect(maySee({ ...resume, visibility: 'link', shareToken: null }, { ...nobody, token: '' })).toBe(false);
});
