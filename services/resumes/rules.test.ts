import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { isBlank } from '#kit/text/visible';
import { validatedResume } from './json-resume';
import { fieldsOf, mayRead, withFields } from './rules';

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
  test('written back as they were read leave any document unchanged', () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(JSON.stringify(withFields(document, fieldsOf(document)))).toBe(JSON.stringify(document));
      }),
    );
  });

  test('are read as they were written, and leave the rest of the document unchanged', () => {
    const texts = fc.oneof(fc.string(), entries);
    const change = fc.record(
      {
        summary: fc.string(),
        skills: fc.array(
          fc.string().filter((name) => !isBlank(name)),
          { maxLength: 3 },
        ),
        experience: texts,
        education: texts,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(documents, change, (document, fields) => {
        const changed = withFields(document, fields);
        const expected = { ...fieldsOf(document), ...fields };
        for (const name of ['experience', 'education'] as const) expected[name] = normalized(expected[name]);
        expect(fieldsOf(changed)).toEqual(expected);
        expect(changed.own).toEqual(document.own);
        expect(changed.basics?.own).toEqual(document.basics?.own);
      }),
    );
  });

  test('preserve the details of a skill whose name is unchanged', () => {
    const document = { skills: [{ name: 'SQL', level: 'Master', own: 1 }, { name: 'C' }] };
    expect(withFields(document, { skills: ['Go', 'SQL'] }).skills).toEqual([
      { name: 'Go' },
      { name: 'SQL', level: 'Master', own: 1 },
    ]);
  });
});

/** A single entry with a summary only is represented as a string. */
function normalized(value: ReturnType<typeof fieldsOf>['experience']) {
  if (typeof value === 'string' || value.length !== 1) return value;
  const [only] = value;
  return only !== undefined && Object.keys(only).length === 1 && typeof only.summary === 'string'
    ? only.summary
    : value;
}

describe('a document is rejected', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
  test.each([
    ['a string instead of an array', { work: 'much' }, '/work'],
    ['a number instead of a name', { basics: { name: 7 } }, '/basics/name'],
    ['an invalid date', { work: [{}, { startDate: 'last spring' }] }, '/work/1/startDate'],
    ['an invalid email address', { basics: { email: 'at home' } }, '/basics/email'],
    ['null instead of an array', { skills: null }, '/skills'],
    ['a number beyond the precision of a double', { own: [1, 2 ** 60] }, '/own/1'],
    ['an infinite number', { own: Number.POSITIVE_INFINITY }, '/own'],
    ['too many levels of nesting', { own: nested(40) }, `/own${'/0'.repeat(23)}`],
    ['an error below an unsafe key', { 'my secret': { deep: 1e30 } }, ''],
  ])('for %s, with its location', (_case, document, field) => {
    expect(() => validatedResume(document)).toThrow(
      expect.objectContaining({ status: 422, errors: [expect.objectContaining({ field })] }),
    );
  });

  test('without disclosing its values', () => {
    try {
      validatedResume({
        basics: { email: 'secret-value', url: 'secret-value', name: ['secret-value'] },
        work: [{ startDate: 'secret-value' }],
      });
      throw new Error('the document was accepted');
    } catch (failure) {
      expect(JSON.stringify(failure)).not.toContain('secret-value');
      expect(failure).toMatchObject({ code: 'resume.invalid' });
    }
  });

  test('when it is larger than 64 KiB, and in linear time for adversarial strings', () => {
    expect(() => validatedResume({ own: 'x'.repeat(65 * 1024) })).toThrow(
      expect.objectContaining({ status: 413 }),
    );
    const started = performance.now();
    for (const email of [
      'a'.repeat(60_000),
      'a.'.repeat(30_000),
      `a@${'a.'.repeat(30_000)}`,
      `${'a'.repeat(60_000)}@`,
    ])
      expect(() => validatedResume({ basics: { email } })).toThrow(expect.objectContaining({ status: 422 }));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

test('a résumé is readable by its owner and operators, by everyone if public, and by link only with its token', () => {
  const resume = { ownerId: 'ada', shareToken: 'token' };
  const stranger = { id: 'bob', permissions: [] };
  for (const visibility of ['private', 'link', 'public'] as const) {
    const readableBy = (viewer: Parameters<typeof mayRead>[1], token?: string) =>
      mayRead({ ...resume, visibility }, viewer, token);
    expect(readableBy({ ...stranger, id: 'ada' })).toBe(true);
    expect(readableBy({ ...stranger, permissions: ['resumes:read'] })).toBe(true);
    for (const viewer of [stranger, null]) {
      expect(readableBy(viewer)).toBe(visibility === 'public');
      expect(readableBy(viewer, 'token')).toBe(visibility !== 'private');
      expect(readableBy(viewer, '')).toBe(visibility === 'public');
    }
  }
  expect(mayRead({ ...resume, visibility: 'link', shareToken: null }, null, '')).toBe(false);
});
