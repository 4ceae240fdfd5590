import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readState } from '../../infra/state';
import { copyStores } from './copy';
import { readStores } from './settings';

const DEFAULT_SETTLE_SECONDS = 30;

/** `backup [folder] [--settle=seconds]`: copies all stores of the running system. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { settle: { type: 'string', default: String(DEFAULT_SETTLE_SECONDS) } },
    allowPositionals: true,
  });
  const name = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const folder = resolve(positionals[0] || join('.data', 'backups', name));
  const source = { ...readState()?.environment, ...process.env };
  const { parts, files, point_at } = await copyStores(readStores(source), folder, {
    settleMs: Number(values.settle) * 1_000,
    report: console.log,
  });
  for (const { file, bytes, entries } of parts)
    console.log(
      `  ${file}  ${Math.ceil(bytes / 1024)} KB${entries === undefined ? '' : `, ${entries} entries`}`,
    );
  for (const [storage, count] of Object.entries(files)) console.log(`  files/${storage}  ${count} files`);
  console.log(
    `The backup of ${point_at} is in ${folder}. It holds personal data, and no secret of a process.`,
  );
  return 0;
}

process.exitCode = await main().catch((failure: unknown) => {
  console.error(`No backup was made: ${failure instanceof Error ? failure.message : failure}`);
  return 1;
});
