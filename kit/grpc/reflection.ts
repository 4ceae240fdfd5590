import { readFile } from 'node:fs/promises';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  type Server,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from '../core/log';
import { CONTRACT_DESCRIPTORS } from './contract-descriptors';

/** FileDescriptorSet: `repeated FileDescriptorProto file = 1`, length-delimited. */
const FILE_TAG = (1 << 3) | 2;

const METHOD = 'ServerReflectionInfo';
/** The second is the older name, which many tools still try first. */
const SERVICES = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

interface LoadedService {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
}

/**
 * Adds the standard reflection service, so that tools such as grpcurl work without the `.proto` files. The library is
 * loaded on first use: it takes more memory than the rest of gRPC, and most processes never need it.
 */
export function addReflection(server: Server, log: Logger, serviceNames: readonly string[]): void {
  let loading: Promise<Map<string, LoadedService>> | undefined;
  for (const service of SERVICES) {
    const path = `/${service}/${METHOD}`;
    let loaded: LoadedService | undefined;
    const method = () => {
      const definition = loaded?.definition[METHOD];
      if (definition === undefined) throw new Error(`The reflection library has no ${path}`);
      return definition;
    };
    server.addService(
      {
        [METHOD]: {
          path,
          requestStream: true,
          responseStream: true,
          requestSerialize: (message: unknown) => method().requestSerialize(message),
          requestDeserialize: (bytes) => method().requestDeserialize(bytes),
          responseSerialize: (message: unknown) => method().responseSerialize(message),
          responseDeserialize: (bytes) => method().responseDeserialize(bytes),
        },
      },
      {
        // Reading, and so decoding, starts when the library's handler subscribes.
        [METHOD]: (call: ServerDuplexStream<unknown, unknown>) => {
          loading ??= loadReflection([...serviceNames, 'grpc.health.v1.Health']);
          loading.then(
            (services) => {
              loaded = services.get(path);
              const handler = loaded?.handlers[METHOD] as ((call: unknown) => void) | undefined;
              handler?.(call);
            },
            (failure: unknown) => {
              // A failure here must not crash the service.
              log.error({ err: failure }, 'Loading gRPC reflection failed');
              call.emit('error', { code: status.UNIMPLEMENTED, details: 'reflection is not available' });
            },
          );
        },
      },
    );
  }
}

async function loadReflection(services: string[]): Promise<Map<string, LoadedService>> {
  const [{ ReflectionService }, descriptors] = await Promise.all([
    import('@grpc/reflection'),
    readFile(CONTRACT_DESCRIPTORS),
  ]);
  const contracts = {
    format: 'Protocol Buffer 3 EnumDescriptorProto' as const,
    type: {},
    fileDescriptorProtos: filesOf(descriptors),
  };
  const byPath = new Map<string, LoadedService>();
  new ReflectionService({ contracts }, { services }).addToServer({
    addService: (definition, handlers) => {
      for (const method of Object.values(definition)) byPath.set(method.path, { definition, handlers });
    },
  });
  return byPath;
}

function filesOf(descriptors: Uint8Array): Buffer[] {
  const reader = new BinaryReader(descriptors);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === FILE_TAG) files.push(Buffer.from(reader.bytes()));
    else reader.skip(tag & 7);
  }
  return files;
}
