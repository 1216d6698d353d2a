// What a frame says otherwise than its proof. The frame is decoded as recovery decodes it; the proof is read by its
// places in the layouts, so that a fault of the decoder does not hide one of the encoder.

import { crc32c } from '../base/checksum.js';
import { decodeFrameHeader } from '../frame/codec.js';
import { FRAME_HEADER } from '../frame/layout.js';
import { type DecodedRecord, decodeRecord } from '../record/codec.js';
import { RECORD_ALIGNMENT, RECORD_HEADER, RECORD_KIND } from '../record/layout.js';

const { at: header } = FRAME_HEADER;
const { at: record } = RECORD_HEADER;

/** Fields of the header that say what a commit is. */
const U64_FIELDS = ['commitSeq', 'txnId', 'txnEpoch', 'beginSeq'] as const;
const U32_FIELDS = ['frameBytes', 'kind', 'recordCount', 'pageCount', 'sizeCount', 'lane'] as const;

/**
 * Compares a commit's frame, as it was read from wherever it stands, with its proof: order, tokens, sizes, pages,
 * images, operations.
 *
 * @returns the first difference in words, or undefined when both say the same
 */
export function differenceOf(frame: Uint8Array, proof: Uint8Array, frameSeed: number): string | undefined {
  const decoded = decodeFrameHeader(frame, frame.length, frameSeed);
  if (typeof decoded === 'string') return decoded;
  const proven = new DataView(proof.buffer, proof.byteOffset, proof.length);
  for (const name of U64_FIELDS)
    if (BigInt(decoded[name]) !== proven.getBigUint64(header[name], true)) return `${name} is ${decoded[name]}`;
  for (const name of U32_FIELDS)
    if (decoded[name] !== proven.getUint32(header[name], true)) return `${name} is ${decoded[name]}`;
  const payload = frame.subarray(FRAME_HEADER.bytes, decoded.frameBytes);
  const difference = differenceOfRecords(payload, proof.subarray(FRAME_HEADER.bytes), decoded.recordCount);
  if (difference !== undefined) return difference;
  if (crc32c(payload) !== decoded.payloadCrc) return 'the padding fails its checksum';
  return decoded.payloadCrc === proven.getUint32(header.payloadCrc, true) ? undefined : 'the padding is another';
}

function differenceOfRecords(payload: Uint8Array, proof: Uint8Array, recordCount: number): string | undefined {
  const proven = new DataView(proof.buffer, proof.byteOffset, proof.length);
  let offset = 0;
  for (let index = 0; index < recordCount; index += 1) {
    const found = decodeRecord(payload, offset);
    if (typeof found === 'string') return `record ${index}: ${found}`;
    const { kind, space, number, parts } = fieldsOf(found.record);
    const isSame =
      kind === proven.getUint32(offset + record.kind, true) &&
      space === proven.getUint32(offset + record.space, true) &&
      BigInt(number) === proven.getBigUint64(offset + record.number, true) &&
      (parts[0]?.length ?? 0) === proven.getUint32(offset + record.bytes, true) &&
      (parts[1]?.length ?? 0) === proven.getUint32(offset + record.beforeBytes, true);
    if (!isSame) return `record ${index} is ${found.record.kind} ${number} of space ${space}`;
    let partAt = offset + RECORD_HEADER.bytes;
    for (const part of parts) {
      const expected = proof.subarray(partAt, partAt + part.length);
      if (Buffer.compare(part, expected) !== 0) {
        const at = part.findIndex((byte, place) => byte !== expected[place]);
        return `record ${index}, ${kindInWords(found.record)}, differs from byte ${at} on`;
      }
      partAt += Math.ceil(part.length / RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
    }
    offset += found.recordBytes;
  }
  return undefined;
}

function fieldsOf(decoded: DecodedRecord) {
  const { space } = decoded;
  if (decoded.kind === 'size') return { kind: RECORD_KIND.size, space, number: decoded.pages, parts: [] };
  if (decoded.kind === 'operation')
    return { kind: RECORD_KIND.operation, space, number: decoded.code, parts: [decoded.bytes] };
  const { pageNumber: number, image, before } = decoded;
  return { kind: RECORD_KIND.page, space, number, parts: before === undefined ? [image] : [image, before] };
}

function kindInWords(decoded: DecodedRecord): string {
  return decoded.kind === 'page' ? `page ${decoded.pageNumber} of space ${decoded.space}` : `an ${decoded.kind}`;
}
