import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#kit/http/openapi/json-object';
import { version } from '../package.json';
import { announcesBreakingChanges, breakingChanges } from './contracts/breaking-changes';
import { buf } from './generate-grpc';
import { readDocuments } from './openapi/documents';

const ROOT = join(import.meta.dir, '..');
const ACCEPTED = join(ROOT, 'contracts', 'accepted');
const PROTO = join(ROOT, 'contracts', 'proto');
/** The `.proto` files as accepted. */
const IMAGE = join(ACCEPTED, 'proto.binpb');

/** What the contracts were when a developer last accepted them, and what they are. */
export interface ContractChanges {
  /** A line for each change that breaks clients and is not announced by the version. */
  readonly breaking: readonly string[];
  /** The text of each OpenAPI document, by file name. */
  readonly documents: Readonly<Record<string, string>>;
}

/**
 * Compares the OpenAPI documents and `.proto` files with the accepted ones.
 *
 * @param folder of the accepted contracts
 * @param proto folder of the `.proto` files
 */
export async function compareContracts(folder = ACCEPTED, proto = PROTO): Promise<ContractChanges> {
  const { own } = await readDocuments();
  const accepted = await acceptedDocuments(folder);
  const documents = Object.entries(own).flatMap(([name, document]) =>
    breakingChanges(accepted.get(name) ?? {}, document).map((change) => `${name}: ${change}`),
  );
  const removed = [...accepted.keys()].filter((name) => !(name in own)).map((name) => `${name}: removed`);
  const [before = ''] = [...accepted.values()].map(versionOf);
  const breaking = [...documents, ...removed, ...(await protoChanges(proto, join(folder, 'proto.binpb')))];
  return {
    breaking: accepted.size > 0 && announcesBreakingChanges(before, version) ? [] : breaking,
    documents: Object.fromEntries(
      Object.entries(own).map(([name, document]) => [`${name}.json`, textOf(document)]),
    ),
  };
}

async function acceptedDocuments(folder: string): Promise<Map<string, JsonObject>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  const entries = files.map(
    async (file) => [file.slice(0, -5), await Bun.file(join(folder, file)).json()] as const,
  );
  return new Map(await Promise.all(entries));
}

const versionOf = (document: JsonObject): string => String(Object(document.info).version);

const textOf = (document: JsonObject): string => `${JSON.stringify(document, null, 2)}\n`;

/** Changes of names, numbers and types (`buf breaking`). */
async function protoChanges(proto: string, image: string): Promise<string[]> {
  try {
    await buf('breaking', proto, '--against', image);
    return [];
  } catch (failure) {
    return String(failure)
      .split('\n')
      .filter((line) => line.includes('.proto:'));
  }
}

async function accept(): Promise<boolean> {
  const { breaking, documents } = await compareContracts();
  if (breaking.length > 0) {
    console.error(`These changes break clients:\n\n${breaking.join('\n')}\n`);
    console.error(
      `Keep what clients use, or announce it: raise the minor version in package.json (${version}; the major one from 1.0 on).`,
    );
    return false;
  }
  for (const file of await readdir(ACCEPTED)) await rm(join(ACCEPTED, file));
  for (const [file, text] of Object.entries(documents)) await Bun.write(join(ACCEPTED, file), text);
  await buf('build', PROTO, '--exclude-source-info', '--output', IMAGE);
  console.log(`Accepted ${Object.keys(documents).length} OpenAPI documents and the .proto files`);
  return true;
}

if (import.meta.main) process.exitCode = (await accept()) ? 0 : 1;
