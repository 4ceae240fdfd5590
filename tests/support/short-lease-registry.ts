import { SHORT_LEASE, startRegistry } from './registry';

await startRegistry({ lease: SHORT_LEASE, port: Number(process.env.PORT) });
