import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TableDigest } from './databases';
import type { CopiedTable } from './dynamodb';
import type { Part } from './parts';

/** Changes when a version cannot read what another has written. */
const FORMAT = 1;

/** What a backup holds. It is written last: a folder without one is no backup. */
export interface Manifest {
  readonly format: typeof FORMAT;
  /** Of Rookery. */
  readonly version: string;
  readonly servers: Readonly<Record<string, string>>;
  readonly started_at: string;
  /** The moment that the copy is of: what was acknowledged before is in it. */
  readonly point_at: string;
  readonly finished_at: string;
  /** How long writes waited. */
  readonly frozen_ms: number;
  readonly parts: readonly Part[];
  /** Number of files in each folder of files. */
  readonly files: Readonly<Record<string, number>>;
  readonly tables: readonly TableDigest[];
  readonly dynamodb_tables: readonly CopiedTable[];
}

const pathOf = (folder: string) => join(folder, 'manifest.json');

export function writeManifest(folder: string, manifest: Omit<Manifest, 'format'>): void {
  writeFileSync(pathOf(folder), `${JSON.stringify({ format: FORMAT, ...manifest }, null, 2)}\n`, {
    mode: 0o600,
  });
}

/** @throws when the folder holds no complete backup, or one of another format */
export function readManifest(folder: string): Manifest {
  if (!existsSync(pathOf(folder)))
    throw new Error(`${folder} holds no complete backup: it has no manifest.json`);
  const manifest: Manifest = JSON.parse(readFileSync(pathOf(folder), 'utf8'));
  if (manifest.format !== FORMAT)
    throw new Error(
      `The backup has format ${manifest.format}, of another version of Rookery (${manifest.version})`,
    );
  return manifest;
}
