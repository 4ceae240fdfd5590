import { type DescMessage, fromBinary, type Message, toJson } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { isJsonRecord, isWellKnown, type JsonRecord } from './expected-types';
import type { TranscodedRoute } from './rules';

const OPTIONS = { alwaysEmitImplicit: true, useProtoFieldName: true };

/**
 * The JSON body of an answer; undefined where the response can hold nothing, which over HTTP is a 204.
 * A field that may be unset is null then, as everywhere in this API, and never left out.
 *
 * @throws when the response lacks the field that is the body
 */
export function responseJson({ rpc, responseBody }: TranscodedRoute, response: Uint8Array): unknown {
  const { output } = rpc;
  if (output.fields.length === 0) return undefined;
  const message = fromBinary(output, response);
  if (responseBody === null) return jsonOf(output, message);
  if (!reflect(output, message).isSet(responseBody))
    throw new Error(`${rpc.parent.typeName}.${rpc.name} answered without ${responseBody.name}`);
  return jsonOf(output, message)[responseBody.name];
}

function jsonOf(desc: DescMessage, message: Message): JsonRecord {
  const json = toJson(desc, message, OPTIONS);
  if (!isJsonRecord(json)) throw new Error(`${desc.typeName} is no object in JSON`);
  return withNulls(desc, json);
}

function withNulls(desc: DescMessage, json: JsonRecord): JsonRecord {
  if (isWellKnown(desc)) return json;
  for (const field of desc.fields) {
    const value = json[field.name];
    // Of a group of alternatives only the one that is set is told.
    if (value === undefined && field.oneof === undefined) json[field.name] = null;
    if (field.message === undefined) continue;
    if (isJsonRecord(value)) withNulls(field.message, value);
    else if (Array.isArray(value))
      for (const item of value) if (isJsonRecord(item)) withNulls(field.message, item);
  }
  return json;
}
