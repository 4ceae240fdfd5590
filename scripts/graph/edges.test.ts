import { expect, test } from 'bun:test';
import { credentialsOf, parseEdges } from './edges';

test('an edge makes both people friends of each other', () => {
  const graph = parseEdges('1 0\n2 0\n');
  expect(graph.people).toEqual(['1', '0', '2']);
  expect(graph.edges).toBe(2);
  expect(graph.friends.get('0')).toEqual(new Set(['1', '2']));
  expect(graph.friends.get('2')).toEqual(new Set(['0']));
});

test('a duplicate edge, in either direction, counts once', () => {
  expect(parseEdges('1 0\n0 1\n1 0\n').edges).toBe(1);
});

test('comments, blank lines and Windows line ends are ignored', () => {
  expect(parseEdges('# a graph\n% more\n\n  3\t4\r\n').people).toEqual(['3', '4']);
});

test('an invalid line is reported with its number', () => {
  expect(() => parseEdges('1 0\n1\n')).toThrow('line 2');
  expect(() => parseEdges('1 0 7\n')).toThrow('line 1');
  expect(() => parseEdges('1 Ü\n')).toThrow('line 1');
  expect(() => parseEdges('1 0\n5 5')).toThrow('line 2');
});

test('people of a file get valid usernames', () => {
  for (const person of ['0', '961', 'a_name_of_20_letters'])
    expect(credentialsOf(person).username).toMatch(/^[a-z0-9_]{3,30}$/);
});
