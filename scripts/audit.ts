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
 * Checks the invariants of ledger, payments and invoices, whether the services are running or not.
 *
 * @param source the environment with the addresses of the databases
 * @returns the violations; empty when all invariants hold
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
  for (const { invariant, rows, count } of findings) {
    console.error(`✗ Violated: ${invariant} (${count} violations)`);
    for (const row of rows) console.error(`    ${row}`);
  }
  if (findings.length > 0) return 1;
  const checked = Object.values(AUDITED).flat().length + 1;
  console.log(`✓ All ${checked} invariants hold: no money was created or lost`);
  return 0;
}

if (import.meta.main) process.exitCode = await main();
