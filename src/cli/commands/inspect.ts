// `lanewal inspect`: what is in a log, segment by segment, whatever the log's length.

import type { Command } from 'commander';
import { FILE_FLAG } from '../../log/layout.js';
import type { ReplayCommit } from '../../recovery/replay.js';
import { type LogScan, reportOf } from '../../recovery/scan.js';
import { SEGMENT_FLAG, SEGMENT_KIND } from '../../segment/layout.js';
import type { NodeDirectory } from '../../storage/node-directory.js';
import { CERTIFICATE_HEAD, certificateOf, certificateRow } from '../certificates.js';
import { EXIT } from '../exit-status.js';
import { logDirectoryOf, readSteadily, scanSteadily, segmentsOfChain, type VisitedSegment } from '../log-reading.js';
import { filePath } from '../option-values.js';
import { pairLines, SpooledOutput, tableLines } from '../output.js';

/** Segments in one table for people; columns are as wide as the widest cell of a table. */
const ROWS_PER_TABLE = 500;
const HEAD = ['epoch', 'kind', 'commits', 'frames', 'voids', 'lanes', 'pages', 'file', 'offset', 'bytes'];

interface InspectOptions {
  readonly json?: boolean;
  readonly certificates?: boolean;
}

/** Adds the command. `finish` gets the exit status. */
export function addInspect(program: Command, finish: (status: number) => void): void {
  program
    .command('inspect')
    .summary('print files, segments, frames and certificates of a log')
    .description(
      'Prints what the log of DB (the directory DB-wal) holds: its files, and the segments that recovery would ' +
        'replay, in order. With --json also every frame (one commit) with its pages. Takes no lock and changes ' +
        'nothing; works right after a crash and beside a running writer. A missing log is an empty one.',
    )
    .argument('<db>', 'the database whose log it is', filePath)
    .option('--certificates', 'print what the certificate of each segment vouches for, and not the frames')
    .option('--json', 'print everything as one JSON document')
    .action(async (db: string, options: InspectOptions) => {
      const directory = logDirectoryOf(db);
      // Printed when it is complete: a running writer may take files away while they are read.
      const { output, scan } = await readSteadily(
        () => render(directory, options),
        () => [],
      );
      await output.print();
      finish(scan.damage.length > 0 ? EXIT.damaged : EXIT.done);
    });
}

async function render(directory: NodeDirectory, { json = false, certificates = false }: InspectOptions) {
  const output = new SpooledOutput();
  try {
    const scan = await scanSteadily(directory);
    const segments = segmentsOfChain(directory, scan);
    if (json) writeDocument(output, scan, segments, certificates);
    else writeTables(output, scan, segments, certificates);
    return { output, scan };
  } catch (thrown) {
    output.discard();
    throw thrown;
  }
}

function writeDocument(
  output: SpooledOutput,
  scan: LogScan,
  segments: Iterable<VisitedSegment>,
  isOfCertificates: boolean,
): void {
  output.write(`{"files":${JSON.stringify(filesOf(scan))},\n"${isOfCertificates ? 'certificates' : 'segments'}":[`);
  let separator = '\n';
  for (const segment of segments) {
    output.write(separator);
    if (isOfCertificates) output.write(JSON.stringify({ ...placeOf(segment), ...certificateOf(segment) }));
    else writeSegment(output, segment);
    separator = ',\n';
  }
  const { firstSeq, lastSeq, tail, droppedBytes, damage, cleanlyClosed } = reportOf(scan);
  const { checkpoint = null, syncedThrough } = scan;
  const rest = { tail, firstSeq, lastSeq, syncedThrough, cleanlyClosed, droppedBytes, damage, checkpoint };
  output.write(`],\n${JSON.stringify(rest).slice(1)}\n`);
}

function writeSegment(output: SpooledOutput, segment: VisitedSegment): void {
  const { frames: _, certificate, ...head } = describe(segment);
  output.write(`${JSON.stringify(head).slice(0, -1)},"frames":[`);
  let separator = '\n';
  for (const commit of segment.commits()) {
    output.write(`${separator}${JSON.stringify(frameOf(commit))}`);
    separator = ',\n';
  }
  output.write(`],"certificate":${JSON.stringify(certificate)}}`);
}

/** The log files, those without a readable header last. */
function filesOf({ log, chain }: LogScan) {
  const listed = log.files.map(({ name, fileNumber, bytes, header }) => {
    const part = chain.files.find(({ file }) => file.name === name);
    return {
      name,
      fileNumber,
      incarnation: header.incarnation,
      bytes,
      usedBytes: part?.endOffset ?? 0,
      logId: header.logId,
      pageSize: header.pageBytes,
      startEpoch: header.start.epoch,
      startSeq: header.start.nextSeq,
      endSeq: part?.end.nextSeq ?? header.start.nextSeq,
      segments: part?.segments ?? 0,
      syncedThrough: header.syncedThrough,
      isOpening: (header.flags & FILE_FLAG.opening) !== 0,
      isRecycled: (header.flags & FILE_FLAG.recycled) !== 0,
      wallClockMs: header.wallClockMs,
    };
  });
  const others = log.headerless.map(({ name, fileNumber, bytes, reason }) => {
    return { name, fileNumber, incarnation: null, bytes, usedBytes: 0, reason };
  });
  return [...listed, ...others];
}

function describe(segment: VisitedSegment) {
  const { header, certificate } = segment;
  return {
    epoch: header.epoch,
    firstSeq: header.firstSeq,
    endSeq: header.endSeq,
    ...placeOf(segment),
    bytes: header.segmentBytes,
    incarnation: header.incarnation,
    syncedThrough: header.syncedThrough,
    isClean: (header.flags & SEGMENT_FLAG.clean) !== 0,
    wallClockMs: header.wallClockMs,
    frames: certificate.frameCount,
    certificate: certificateOf(segment),
  };
}

function placeOf({ file, header }: VisitedSegment) {
  return { file, offset: header.fileOffset, kind: header.kind === SEGMENT_KIND.epoch ? 'epoch' : 'mark' };
}

/** One frame: one commit. */
function frameOf(commit: ReplayCommit) {
  const pages: number[] = [];
  const spaces = new Set<number>();
  const sizes: { space: number; pages: number }[] = [];
  let operations = 0;
  for (const record of commit.records()) {
    spaces.add(record.space);
    if (record.kind === 'page') pages.push(record.pageNumber);
    else if (record.kind === 'size') sizes.push({ space: record.space, pages: record.pages });
    else operations += 1;
  }
  const [space = 0] = spaces;
  const { seq, txnId, txnEpoch, beginSeq, lane, bytes } = commit;
  return {
    seq,
    txnId: plain(txnId),
    space,
    lane,
    pages,
    dbSizePages: sizes.find((size) => size.space === space)?.pages ?? null,
    bytes,
    ...(spaces.size > 1 && { spaces: [...spaces], sizes }),
    ...(operations > 0 && { operations }),
    ...(plain(txnEpoch) !== 0 && { txnEpoch: plain(txnEpoch) }),
    ...(beginSeq !== 0 && { beginSeq }),
  };
}

/** JSON has no whole numbers above 2^53: those are printed as text. */
function plain(token: number | bigint): number | string {
  return typeof token === 'number' ? token : token.toString();
}

function writeTables(
  output: SpooledOutput,
  scan: LogScan,
  segments: Iterable<VisitedSegment>,
  isOfCertificates: boolean,
): void {
  const { firstSeq, lastSeq, tail, damage } = reportOf(scan);
  const files = filesOf(scan);
  const writeLines = (lines: readonly string[]): void => lines.forEach((line) => void output.writeLine(line));
  writeLines(files.length === 0 ? ['The log is empty.'] : fileLines(files));
  let rows: (string | number)[][] = [];
  const flush = (): void => {
    if (rows.length === 0) return;
    output.writeLine();
    writeLines(tableLines(isOfCertificates ? CERTIFICATE_HEAD : HEAD, rows));
    rows = [];
  };
  for (const segment of segments) {
    rows.push(isOfCertificates ? certificateRow(segment) : segmentRow(segment));
    if (rows.length === ROWS_PER_TABLE) flush();
  }
  flush();
  output.writeLine();
  writeLines(
    pairLines([
      ['commits', firstSeq === 0 ? 'none' : `${firstSeq} to ${lastSeq}`],
      ['tail', tail],
      ...damage.map(({ file, epoch, offset, reason }): [string, string] => {
        return ['damage', `${file} at ${offset}, epoch ${epoch}: ${reason}`];
      }),
    ]),
  );
}

function segmentRow(segment: VisitedSegment): (string | number)[] {
  const { epoch, kind, file, offset, bytes, firstSeq, endSeq, isClean, certificate } = describe(segment);
  const { frameCount, voids, lanes, pageCount } = certificate;
  return [
    epoch,
    isClean ? 'mark, clean' : kind,
    kind === 'mark' ? '' : `${firstSeq}-${endSeq - 1}`,
    frameCount,
    voids.length,
    lanes.length,
    pageCount,
    file.replace(/^0+/, ''),
    offset,
    bytes,
  ];
}

function fileLines(files: ReturnType<typeof filesOf>): string[] {
  return tableLines(
    ['file', 'incarnation', 'bytes', 'used', 'commits', 'segments'],
    files.map((file) => {
      if (!('endSeq' in file)) return [file.name, '-', file.bytes, file.usedBytes, `no header: ${file.reason}`, 0];
      const { name, incarnation, bytes, usedBytes, startSeq, endSeq, segments } = file;
      return [name, incarnation, bytes, usedBytes, endSeq > startSeq ? `${startSeq}-${endSeq - 1}` : 'none', segments];
    }),
  );
}
