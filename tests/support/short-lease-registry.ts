import { SHORT_LEASE, startRegistry } from './registry';

const { url } = await startRegistry({ lease: SHORT_LEASE });
console.log(url);
