/** Written by scripts/generate-grpc.ts: a google.protobuf.FileDescriptorSet of every contract. */
declare module '*.binpb' {
  const path: string;
  export default path;
}
