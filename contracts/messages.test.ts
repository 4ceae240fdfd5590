import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { Type } from '@sinclair/typebox';
import { defineEvent, envelope, InvalidMessage, type MessageDefinition, parseEnvelope } from './messages';

const folder = import.meta.dir;
const goldenFiles = readdirSync(`${folder}/golden`).filter((name) => name.endsWith('.json'));
const definitions = await allDefinitions();

describe('message contracts', () => {
  test('every definition has a golden message, and every golden message a definition', () => {
    const expected = definitions.map((definition) => `${definition.name}.v${definition.version}.json`);
    expect(goldenFiles.toSorted()).toEqual(expected.toSorted());
  });

  test.each(goldenFiles)('%s still parses', (file) => {
    const bytes = readFileSync(`${folder}/golden/${file}`);
    const message = parseEnvelope(definitions, bytes);
    expect(JSON.parse(bytes.toString())).toEqual(message);
  });

  test('no two definitions share name and version', () => {
    const names = definitions.map((definition) => `${definition.name} v${definition.version}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

const PersonMoved = defineEvent({
  name: 'person.moved',
  version: 2,
  exchange: 'people',
  data: Type.Object({ city: Type.String({ maxLength: 5 }), street: Type.Optional(Type.String()) }),
});
const context = { requestId: 'request-1', actor: null };

describe('an envelope', () => {
  test('survives serialization unchanged', () => {
    const message = envelope(PersonMoved, { city: 'Paris' }, context);
    expect(parseEnvelope([PersonMoved], Buffer.from(JSON.stringify(message)))).toEqual(message);
  });

  test('with invalid data is rejected at the publisher, without echoing it', () => {
    const make = () => envelope(PersonMoved, { city: 'Llanfairpwllgwyngyll' }, context);
    expect(make).toThrow(InvalidMessage);
    expect(make).not.toThrow(/Llanfair/);
  });

  test('with additional fields of a newer publisher is accepted', () => {
    const message = { ...envelope(PersonMoved, { city: 'Paris' }, context), added: true };
    expect(parseEnvelope([PersonMoved], Buffer.from(JSON.stringify(message))).data.city).toBe('Paris');
  });

  test.each([
    ['not JSON', 'secret {'],
    ['not an object', '"secret"'],
    ['of an unknown name', JSON.stringify({ name: 'secret', version: 2 })],
    ['of an unknown version', JSON.stringify({ name: 'person.moved', version: 'secret' })],
    ['incomplete', JSON.stringify({ name: 'person.moved', version: 2, data: { city: 'secret' } })],
  ])('that is %s is a permanent error without an echo', (_, text) => {
    const parse = () => parseEnvelope([PersonMoved], Buffer.from(text));
    expect(parse).toThrow(InvalidMessage);
    expect(parse).not.toThrow(/secret/);
  });

  test('of a later version has its own routing key', () => {
    expect(PersonMoved.routingKey).toBe('person.moved.v2');
  });
});

async function allDefinitions(): Promise<MessageDefinition[]> {
  const modules = [...new Bun.Glob('{events,jobs}/*.ts').scanSync(folder)];
  const loaded: Record<string, unknown>[] = await Promise.all(modules.map((module) => import(`./${module}`)));
  return loaded.flatMap((module) => Object.values(module)).filter(isDefinition);
}

function isDefinition(value: unknown): value is MessageDefinition {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'event' || value.kind === 'job')
  );
}
