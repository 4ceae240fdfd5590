import { migrateConfigured } from '../scripts/migrate';

// Run ahead of a roll-out, from its bundle beside those of the services: bun dist/migrate/main.js
await migrateConfigured();
