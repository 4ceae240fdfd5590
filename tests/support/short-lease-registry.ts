import { SHORT_LEASE, startRegistry } from './registry';

await startRegistry({ lease: SHORT_LEASE, addresses: 'verified', port: Number(process.env.PORT) });
