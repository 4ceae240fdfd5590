import { describe, expect, test } from 'bun:test';
import { continueTrace } from './context';
import { readTraceparent } from './traceparent';

const IDS = '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7';

describe('a traceparent', () => {
  test.each([
    ['of version 00', `00-${IDS}-01`, `00-${IDS}-01`],
    ['of version 00 with flags of its own', `00-${IDS}-03`, `00-${IDS}-03`],
    ['of a later version', `01-${IDS}-01`, `00-${IDS}-01`],
    ['of a later version that is not sampled', `42-${IDS}-f2`, `00-${IDS}-00`],
    ['of a later version with further parts', `fe-${IDS}-0d-what-the-future-holds`, `00-${IDS}-01`],
  ])('%s is continued', (_, sent, continued) => {
    expect(readTraceparent(sent)).toBe(continued);
    expect(continueTrace({ traceparent: sent }).traceparent).toBe(continued);
  });

  test.each([
    ['the forbidden version', `ff-${IDS}-01`],
    ['a later version with another separator', `01-${IDS}-01.x`],
    ['version 00 with further parts', `00-${IDS}-01-x`],
    ['upper case', `00-${IDS.toUpperCase()}-01`],
    ['an invalid version', `0x-${IDS}-01`],
    ['no trace id', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['no parent id', `01-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
    ['half of it', `00-${IDS}`],
  ])('with %s is replaced', (_, sent) => {
    expect(readTraceparent(sent)).toBeNull();
    expect(continueTrace({ traceparent: sent }).traceparent).not.toContain(IDS);
  });
});
