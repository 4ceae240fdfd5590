import { startMedia } from './media';

/** The media service in a process of its own, for tests of the process. It prints its address and a token. */
const service = await startMedia();
console.log(`authorization ${await service.newPerson()}`);
console.log(`listening on ${service.url}`);
process.once('SIGTERM', () => void service.close());
