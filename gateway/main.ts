import { readEnv } from '#kit/env';
import { startProcess } from '#kit/process';
import { serveGateway } from '.';
import { gatewayFields } from './settings';

const env = readEnv(gatewayFields);
const runtime = await startProcess('gateway', env);
await serveGateway(runtime, env);
