// The public face `lanewal/kv`: logical records of a key-value store, as bytes and as what they mean.

export { decodeLogicalRecord, encodeLogicalRecord, logicalCodec, logicalRecordBytes } from './kv/codec.js';
export {
  connectDurableMap,
  type DurableMap,
  type DurableMapHandle,
  type DurableMapOptions,
  type MapChange,
  type MapCodecs,
  type MapSnapshot,
  type OwnedDurableMap,
  openDurableMap,
} from './kv/durable-map.js';
export { LOGICAL_FLAG, LOGICAL_KIND } from './kv/layout.js';
export type {
  ControlRecord,
  DataRecord,
  IncrementEntry,
  InsertEntry,
  LogicalKind,
  LogicalRecord,
  RecordPlace,
} from './kv/logical-record.js';
export { fromPlainRecord, type PlainRecord, toPlainRecord } from './kv/plain.js';
export {
  decodeCounter,
  encodeCounter,
  type KeyVersion,
  LogicalReplay,
  type LogicalReplayCounts,
} from './kv/replay.js';
