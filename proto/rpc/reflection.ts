/**
 * The standard gRPC reflection service (grpc.reflection.v1) over the generated descriptors, so that generic tools
 * can call the API. The older v1alpha name is answered too: the messages are the same.
 */
import { type DescExtension, type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { ServerReflection, type ServerReflectionRequest } from '../gen/grpc/reflection/v1/reflection_pb.ts';
import type { ServiceDescriptor, ServiceHandlers } from './method-types.ts';

const GRPC_NOT_FOUND = 5;
const GRPC_INVALID = 3;

/** The v1alpha service: same methods and messages under the old name. */
export const ServerReflectionAlpha = {
  ...ServerReflection,
  typeName: 'grpc.reflection.v1alpha.ServerReflection',
  method: ServerReflection.method,
};

interface Index {
  readonly files: ReadonlyMap<string, DescFile>;
  readonly symbols: ReadonlyMap<string, DescFile>;
  readonly services: readonly string[];
}

function collectFiles(file: DescFile, files: Map<string, DescFile>): void {
  if (files.has(file.proto.name)) return;
  files.set(file.proto.name, file);
  for (const dependency of file.dependencies) collectFiles(dependency, files);
}

interface Nested {
  readonly typeName: string;
  readonly nestedMessages?: readonly Nested[];
  readonly nestedEnums?: readonly Nested[];
  readonly nestedExtensions?: readonly DescExtension[];
}

function addSymbols(nested: Nested, file: DescFile, symbols: Map<string, DescFile>): void {
  symbols.set(nested.typeName, file);
  for (const inner of [...(nested.nestedMessages ?? []), ...(nested.nestedEnums ?? [])]) {
    addSymbols(inner, file, symbols);
  }
}

function createIndex(services: readonly ServiceDescriptor[]): Index {
  const files = new Map<string, DescFile>();
  for (const service of services) collectFiles((service as unknown as DescService).file, files);
  const symbols = new Map<string, DescFile>();
  for (const file of files.values()) {
    for (const nested of [...file.messages, ...file.enums] as readonly Nested[])
      addSymbols(nested, file, symbols);
    for (const service of file.services) {
      symbols.set(service.typeName, file);
      for (const method of service.methods) symbols.set(`${service.typeName}.${method.name}`, file);
    }
  }
  return { files, symbols, services: services.map((service) => service.typeName).sort() };
}

/** The file and all that it imports, dependencies included, as serialized descriptors. */
function describeFile(file: DescFile) {
  const files = new Map<string, DescFile>();
  collectFiles(file, files);
  const fileDescriptorProto = [...files.values()].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: 'fileDescriptorResponse' as const, value: { fileDescriptorProto } };
}

const refuse = (errorCode: number, errorMessage: string) => ({
  case: 'errorResponse' as const,
  value: { errorCode, errorMessage },
});

function answer(index: Index, request: ServerReflectionRequest) {
  const { messageRequest } = request;
  switch (messageRequest.case) {
    case 'listServices': {
      const service = index.services.map((name) => ({ name }));
      return { case: 'listServicesResponse' as const, value: { service } };
    }
    case 'fileByFilename': {
      const file = index.files.get(messageRequest.value);
      return file === undefined ? refuse(GRPC_NOT_FOUND, 'no such file') : describeFile(file);
    }
    case 'fileContainingSymbol': {
      const file = index.symbols.get(messageRequest.value);
      return file === undefined ? refuse(GRPC_NOT_FOUND, 'no such symbol') : describeFile(file);
    }
    case 'fileContainingExtension':
    case 'allExtensionNumbersOfType':
      return refuse(GRPC_NOT_FOUND, 'there are no extensions');
    case undefined:
      return refuse(GRPC_INVALID, 'the request asks nothing');
  }
}

/** Handlers for {@link ServerReflection} and {@link ServerReflectionAlpha} that describe `services`. */
export function createReflectionHandlers(
  services: readonly ServiceDescriptor[],
): ServiceHandlers<typeof ServerReflection> {
  const index = createIndex(services);
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(index, request) };
      }
    },
  };
}
