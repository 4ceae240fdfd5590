import { describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { Elysia } from 'elysia';
import fc from 'fast-check';
import { calendarDate, decimalInteger } from './schemas';

describe('a calendar date', () => {
  const born = TypeCompiler.Compile(calendarDate({ from: '1900-01-01', until: 'today' }));
  const anyDay = TypeCompiler.Compile(calendarDate());
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

  test.each(['1990-12-31', '2000-02-29', '1900-01-01', inDays(0)])('%s is one', (date) =>
    expect(born.Check(date)).toBe(true),
  );
  test.each([
    '1990-02-30',
    '2021-02-29',
    '1899-12-31',
    inDays(2),
    '3000-01-01',
    '1990-1-1',
    '',
    '١٩٩٠-١٢-٣١',
  ])('%s is none', (date) => expect(born.Check(date)).toBe(false));
  test('without limits may be any that exists', () => {
    expect(anyDay.Check('3000-01-01')).toBe(true);
    expect(anyDay.Check('3000-02-29')).toBe(false);
  });
});

describe('an integer in a query', () => {
  const app = new Elysia().get('/', ({ query }) => String(query.limit ?? 'none'), {
    query: Type.Object({ limit: Type.Optional(decimalInteger({ minimum: 1, maximum: 100 })) }),
  });
  const send = async (limit: string) => {
    const response = await app.handle(new Request(`http://localhost/?${new URLSearchParams({ limit })}`));
    return response.status === 200 ? response.text() : response.status;
  };

  test('is read in decimal digits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -10, max: 120 }), async (limit) => {
        expect(await send(String(limit))).toBe(limit >= 1 && limit <= 100 ? String(limit) : 422);
      }),
    );
  });

  test.each([
    '1e2',
    '1E1',
    '0x10',
    '0b11',
    '0o7',
    '+5',
    '5.0',
    '5.',
    ' 5',
    '5 ',
    '\t5',
    '٥',
    '５',
    '1_0',
    '1,0',
    '05',
  ])('is not %j', async (limit) => expect(await send(limit)).toBe(422));

  test('is nothing else than digits', async () => {
    const unit = fc.constantFrom(...'0159eExX+-._ \t٥５');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit, minLength: 1, maxLength: 4 }), async (text) => {
        expect((await send(text)) === text).toBe(/^[1-9][0-9]?$|^100$/.test(text));
      }),
      { numRuns: 500 },
    );
  });
});
