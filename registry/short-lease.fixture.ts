import { SHORT_LEASE, startRegistry } from './test-process';

const { url } = await startRegistry({ lease: SHORT_LEASE });
console.log(url);
