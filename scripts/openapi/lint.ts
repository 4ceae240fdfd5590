import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectralCore, { type RulesetDefinition } from '@stoplight/spectral-core';
import { oas } from '@stoplight/spectral-rulesets';
import type { JsonObject } from '#kit/http/openapi/json-object';

const { Spectral } = spectralCore;

/**
 * Redocly's recommended rules, warnings included. Two are off: `/users/me` beside `/users/{username}` is not ambiguous
 * (OpenAPI 3.1, 4.8.8: concrete paths first), and a WebSocket answers with 101.
 */
const REDOCLY = createConfig({
  extends: ['recommended'],
  rules: { 'no-ambiguous-paths': 'off', 'operation-2xx-response': 'off' },
});

/** Spectral's rules for OpenAPI, all severities; the same exception, and tags must be described. */
const SPECTRAL: RulesetDefinition = {
  extends: [[oas as RulesetDefinition, 'recommended']],
  rules: { 'operation-success-response': 'off', 'tag-description': 'warn' },
};

/**
 * Lints a document with the linters that API tools are built on.
 *
 * @param name for the findings
 * @returns a line for each finding; none for a good document
 */
export async function lintDocument(name: string, document: JsonObject): Promise<string[]> {
  return [...(await redocly(name, document)), ...(await spectral(name, document))];
}

async function redocly(name: string, document: JsonObject): Promise<string[]> {
  const problems = await lintFromString({
    source: JSON.stringify(document),
    absoluteRef: `/${name}.json`,
    config: await REDOCLY,
  });
  return problems.map(
    ({ ruleId, message, location: [at] }) =>
      `${name}: ${ruleId}: ${message} ${at !== undefined && 'pointer' in at ? at.pointer : ''}`,
  );
}

async function spectral(name: string, document: JsonObject): Promise<string[]> {
  const linter = new Spectral();
  linter.setRuleset(SPECTRAL);
  const problems = await linter.run(document);
  return problems.map(({ code, message, path }) => `${name}: ${code}: ${message} ${path.join('.')}`);
}
