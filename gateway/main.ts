import { readEnv } from '#kit/config/environment';
import { startProcess } from '#kit/process';
import { serveGateway } from '.';
import { startWorkers } from './cluster/supervisor';
import { gatewayFields } from './settings';

const env = readEnv(gatewayFields);
const runtime = await startProcess('gateway', env);
if (env.GATEWAY_WORKERS > 1 && !env.GATEWAY_WORKER) startWorkers(runtime, env);
else await serveGateway(runtime, env);
