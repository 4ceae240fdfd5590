import type { Pool } from 'mysql2/promise';
import { createMysqlPool } from '#kit/mysql/database';
import { readState } from '../infra/state';
import { compareBookings } from './audit/bookings';
import { type Finding, findViolations } from './audit/check';
import { type Invariant, invoiceInvariants, ledgerInvariants, paymentInvariants } from './audit/invariants';
import { databaseOf } from './databases';

const AUDITED: Readonly<Record<string, readonly Invariant[]>> = {
  accounts: ledgerInvariants,
  payments: paymentInvariants,
  billing: invoiceInvariants,
};

/**
 * Holds ledger, payments and invoices to what must be true of them, whether anything runs or not.
 *
 * @param source the environment that tells where the databases are
 * @returns what is wrong; nothing when all is well
 */
export async function audit(source: NodeJS.ProcessEnv): Promise<Finding[]> {
  const pools = new Map(
    Object.keys(AUDITED).map((service) => [service, createMysqlPool(databaseOf(service, source), 1)]),
  );
  const poolOf = (service: string): Pool => {
    const pool = pools.get(service);
    if (pool === undefined) throw new Error(`${service} is not audited`);
    return pool;
  };
  try {
    const findings: Finding[] = [];
    for (const [service, invariants] of Object.entries(AUDITED))
      findings.push(...(await findViolations(poolOf(service), invariants)));
    return [...findings, ...(await compareBookings(poolOf('payments'), poolOf('accounts')))];
  } finally {
    await Promise.all([...pools.values()].map((pool) => pool.end()));
  }
}

async function main(): Promise<number> {
  const findings = await audit({ ...readState()?.environment, ...process.env });
  for (const { promise, rows, count } of findings) {
    console.error(`✗ Not so: ${promise} (${count} found)`);
    for (const row of rows) console.error(`    ${row}`);
  }
  if (findings.length > 0) return 1;
  const promises = Object.values(AUDITED).flat().length + 1;
  console.log(`✓ All ${promises} promises hold: no money has appeared, none is lost`);
  return 0;
}

if (import.meta.main) process.exitCode = await main();
