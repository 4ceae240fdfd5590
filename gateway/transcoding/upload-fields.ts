import { type DescField, type DescMessage, type DescMethod, ScalarType } from '@bufbuild/protobuf';

/** The two request fields of a streamed upload: one message with `start`, then many with `data`. */
export interface UploadFields {
  readonly start: DescField;
  /** Metadata of the file. */
  readonly startMessage: DescMessage;
  readonly data: DescField;
}

/**
 * Finds them in a client-streaming method: the field that is a message, and the one that is bytes.
 *
 * @throws when the request lacks one of them
 */
export function uploadFieldsOf({ parent, name, input }: DescMethod): UploadFields {
  const start = input.fields.find(({ fieldKind }) => fieldKind === 'message');
  const data = input.fields.find(
    (field) => field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES,
  );
  if (start?.fieldKind !== 'message' || data === undefined)
    throw new Error(
      `${parent.typeName}.${name} is client-streaming, so its request requires a message and a bytes field`,
    );
  return { start, startMessage: start.message, data };
}
