import { type DescMessage, fromBinary, type Message, toJson } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { isJsonRecord, isWellKnown, type JsonRecord } from './field-types';
import type { TranscodedRoute } from './rules';

const OPTIONS = { alwaysEmitImplicit: true, useProtoFieldName: true };

/**
 * The JSON body of a response; undefined for a message without fields, which is a 204.
 * An unset field is null, as everywhere in this API, never omitted.
 *
 * @throws when the response lacks the field that is its body
 */
export function responseJson({ rpc, responseBody }: TranscodedRoute, response: Uint8Array): unknown {
  const { output } = rpc;
  if (output.fields.length === 0) return undefined;
  const message = fromBinary(output, response);
  if (responseBody === null) return jsonOf(output, message);
  if (!reflect(output, message).isSet(responseBody))
    throw new Error(`${rpc.parent.typeName}.${rpc.name} returned no ${responseBody.name}`);
  return jsonOf(output, message)[responseBody.name];
}

function jsonOf(desc: DescMessage, message: Message): JsonRecord {
  const json = toJson(desc, message, OPTIONS);
  if (!isJsonRecord(json)) throw new Error(`${desc.typeName} is not an object in JSON`);
  return withNulls(desc, json);
}

function withNulls(desc: DescMessage, json: JsonRecord): JsonRecord {
  if (isWellKnown(desc)) return json;
  for (const field of desc.fields) {
    const value = json[field.name];
    // Of a oneof only the field that is set is included.
    if (value === undefined && field.oneof === undefined) json[field.name] = null;
    if (field.message === undefined) continue;
    if (isJsonRecord(value)) withNulls(field.message, value);
    else if (Array.isArray(value))
      for (const item of value) if (isJsonRecord(item)) withNulls(field.message, item);
  }
  return json;
}
