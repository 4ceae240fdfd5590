import { describe, expect, test } from 'bun:test';
import { Registry } from 'prom-client';
import { createVerifiedTokens } from './verified-tokens';

const caller = (id: string, expiresAt = 100) => ({
  id,
  username: id,
  roles: [],
  permissions: [],
  sessionId: id,
  tokenId: id,
  signedInAt: 0,
  issuedAt: 0,
  expiresAt,
});

describe('verified tokens', () => {
  test('are remembered until they expire', () => {
    let nowMs = 0;
    const tokens = createVerifiedTokens(new Registry(), { now: () => nowMs });
    tokens.set('a', caller('ada'));
    nowMs = 99_999;
    expect(tokens.get('a')?.id).toBe('ada');
    nowMs = 100_000;
    expect(tokens.get('a')).toBeUndefined();
  });

  test('are bounded: the least recently used one goes first', () => {
    const tokens = createVerifiedTokens(new Registry(), { maxTokens: 2, now: () => 0 });
    for (const name of ['a', 'b']) tokens.set(name, caller(name));
    tokens.get('a');
    tokens.set('c', caller('c'));
    expect(['a', 'b', 'c'].map((name) => tokens.get(name)?.id)).toEqual(['a', undefined, 'c']);
  });

  test('are counted: entries, hits and misses', async () => {
    const metrics = new Registry();
    const tokens = createVerifiedTokens(metrics, { now: () => 0 });
    tokens.set('a', caller('ada'));
    for (const name of ['a', 'a', 'b']) tokens.get(name);
    const text = await metrics.metrics();
    expect(text).toContain('verified_tokens_cached 1');
    expect(text).toContain('verified_tokens_lookups_total{result="hit"} 2');
    expect(text).toContain('verified_tokens_lookups_total{result="miss"} 1');
    tokens.clear();
    expect(await metrics.metrics()).toContain('verified_tokens_cached 0');
  });
});
