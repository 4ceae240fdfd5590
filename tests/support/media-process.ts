import { startMedia } from './media';

/** The media service in a process of its own, for tests that look at the process. It says where it listens and who may ask. */
const service = await startMedia();
console.log(`authorization ${await service.newPerson()}`);
console.log(`listening on ${service.url}`);
process.once('SIGTERM', () => void service.close());
