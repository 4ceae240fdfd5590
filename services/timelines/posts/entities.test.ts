import { expect, test } from 'bun:test';
import { findHashtags, findMentions } from './entities';

test.each([
  ['@Alice and @bob, @ALICE', ['alice', 'bob']],
  ['mail@example.com https://x.y/@nobody', []],
  ['(@carol) @ab @dave@elsewhere.org', ['carol']],
  ['@'.repeat(1000), []],
])('the mentions of %p are %p', (text, mentions) => expect(findMentions(text)).toEqual(mentions));

test.each([
  ['#Birds and #birds, #vögel!', ['birds', 'vögel']],
  ['#1 is no tag, #1st is', ['1st']],
  ['https://x.y/#part &#39; a#b', []],
  [`#${'x'.repeat(100)}`, ['x'.repeat(100)]],
])('the hashtags of %p are %p', (text, tags) => expect(findHashtags(text)).toEqual(tags));
