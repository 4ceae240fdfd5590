import { join } from 'node:path';
import { errorsPage } from './docs/errors-page';
import { eventsPage } from './docs/events-page';
import { scopesPage } from './docs/scopes-page';

const ROOT = join(import.meta.dir, '..');

/** The generated pages of `docs/`, by path. */
export async function generateDocs(): Promise<Record<string, string>> {
  return {
    'docs/events.md': await eventsPage(ROOT),
    'docs/errors.md': await errorsPage(ROOT),
    'docs/scopes.md': await scopesPage(),
  };
}

if (import.meta.main)
  for (const [path, text] of Object.entries(await generateDocs())) {
    await Bun.write(join(ROOT, path), text);
    console.log(`Wrote ${path}`);
  }
