import { type DescField, type DescMessage, type DescMethod, ScalarType } from '@bufbuild/protobuf';

/** The two kinds of messages an upload consists of, as fields of its request: first one `start`, then many `data`. */
export interface UploadFields {
  readonly start: DescField;
  /** What the form says about its file. */
  readonly startMessage: DescMessage;
  readonly data: DescField;
}

/**
 * Finds them in a method that takes a stream: the field that is a message, and the one that is bytes.
 *
 * @throws when the method's request has not both
 */
export function uploadFieldsOf({ parent, name, input }: DescMethod): UploadFields {
  const start = input.fields.find(({ fieldKind }) => fieldKind === 'message');
  const data = input.fields.find(
    (field) => field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES,
  );
  if (start?.fieldKind !== 'message' || data === undefined)
    throw new Error(`${parent.typeName}.${name} takes a stream, so its request needs a message and bytes`);
  return { start, startMessage: start.message, data };
}
