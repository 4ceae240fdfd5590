import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { installServers } from '../../infra/install';
import { openBrowser } from '../support/chromium';
import { startSystem } from '../support/system';
import { tour } from './tour';

/**
 * Takes pictures of every page in both sizes and both colour schemes, to look at: `bun tests/pages/screenshots.ts [folder]`.
 */
const folder = process.argv[2] ?? join(import.meta.dir, '..', '..', '.data', 'screenshots');
const PROCESSES = ['registry', 'gateway', 'auth', 'users', 'mail', 'mail-worker'];

installServers('tests');
mkdirSync(folder, { recursive: true });
const system = await startSystem('screenshots', {}, PROCESSES);
const chromium = await openBrowser();
const person = await chromium.person(system.url);
for await (const name of tour(system, person, 'alice'))
  for (const size of ['phone', 'desktop'] as const)
    for (const scheme of ['light', 'dark'] as const) {
      await person.look({ size, scheme });
      await person.page.screenshot({
        path: `${join(folder, `${name}-${size}-${scheme}`)}.png`,
        fullPage: true,
      });
    }
await chromium.close();
await system.stop();
console.log(folder);
