// The body of the checkpointer: puts it together from plain data, with its ports, and runs it; on a thread of its own,
// or inline over directories that need not be of the file system.

import { basename, dirname, resolve } from 'node:path';
import { WalError } from '../base/errors.js';
import { Control } from '../epoch/control.js';
import { Indexer } from '../follow/indexer.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { PageFile } from '../storage/page-file.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { answerRequests, RequestSender } from '../thread/request-port.js';
import { type MessagePort, receivePorts, sendPort } from '../thread/thread-connect.js';
import { LogReader } from '../versions/log-reader.js';
import { VersionIndex } from '../versions/version-index.js';
import { STORE_SPACE } from './checkpoint.js';
import { CheckpointFile } from './checkpoint-file.js';
import { Checkpointer } from './checkpointer.js';
import type { CheckpointerNotice, CheckpointerRequest, CheckpointerStart } from './messages.js';
import { Sessions } from './sessions.js';
import { SizeHistory } from './sizes.js';
import { StoreWords } from './store-words.js';

/** Where the log is, and the page file in its directory. */
export interface CheckpointerPlace {
  readonly log: Directory;
  readonly pages: Directory;
  readonly pageFileName: string;
}

/** Runs a checkpointer over directories of the file system until it is told to end. */
export async function runCheckpointer(start: CheckpointerStart, port: MessagePort): Promise<void> {
  const path = resolve(start.pageFilePath);
  const place = {
    log: new NodeDirectory(start.logPath),
    pages: new NodeDirectory(dirname(path)),
    pageFileName: basename(path),
  };
  await runCheckpointerOn(start, port, place);
}

/** The same over any directories. */
export async function runCheckpointerOn(
  start: CheckpointerStart,
  port: MessagePort,
  { log, pages, pageFileName }: CheckpointerPlace,
): Promise<void> {
  const { settings, checkpoint } = start;
  const words = new StoreWords(start.words);
  const index = new VersionIndex(start.index);
  const sizes = new SizeHistory(checkpoint.sizePages);
  const reader = new LogReader(log);
  const file = new CheckpointFile(
    () => PageFile.openIn(pages, pageFileName, settings.pageSize, 'write'),
    settings.pageSize,
  );
  const indexer = new Indexer(log, index, {
    afterSeq: checkpoint.throughSeq,
    sizes: new Map([[STORE_SPACE, checkpoint.sizePages]]),
    onSize: (space, pages, seq) => {
      if (space === STORE_SPACE) sizes.set(seq, pages);
    },
  });
  const heard = { checkpointWanted: (_isNearFull: boolean): void => undefined };
  // Nothing else keeps the thread alive yet.
  const flusher = await new EventLoopHold().during(connectFlusher(start, heard));
  const checkpointer = new Checkpointer(
    {
      control: new Control(start.control),
      words,
      index,
      indexer,
      sizes,
      settings,
      log: reader,
      file,
      pageBytes: settings.pageSize,
      sync: settings.fsync !== 'off',
      record: async (throughSeq, store) => {
        await flusher.ask({ kind: 'checkpoint', throughSeq, store });
      },
      rotate: async () => {
        await flusher.ask({ kind: 'rotate' });
      },
      tell: (notice: CheckpointerNotice) => port.postMessage(notice),
    },
    checkpoint,
  );
  heard.checkpointWanted = (isNearFull) => checkpointer.want(isNearFull);
  const answer = (request: unknown): unknown => checkpointer.answer(request as CheckpointerRequest);
  const sessions = new Sessions(start.cache, words, { answer, indexAll: () => checkpointer.indexAll() });
  const stopReceiving = receivePorts(start.key, (session) => sessions.connect(session));
  answerRequests(port, answer);
  try {
    await checkpointer.run();
  } finally {
    // Whoever sleeps on the index looks why it does not move.
    index.indexedTurn.announce();
    stopReceiving();
    sessions.end();
    flusher.close();
    indexer.close();
    reader.close();
    file.close();
    port.close();
  }
}

/** A port to the flusher: checkpoints go on while the owner's thread blocks. */
async function connectFlusher(
  { flusherThreadId, walKey }: CheckpointerStart,
  heard: { checkpointWanted(isNearFull: boolean): void },
) {
  const port = await sendPort(flusherThreadId, `${walKey}:requests`);
  const sender = new RequestSender(port, (notice) => {
    const { kind, reason } = notice as { kind: string; reason?: string };
    if (kind === 'checkpointWanted') heard.checkpointWanted(reason === 'near full');
  });
  const gone = new WalError('ERR_WAL_CLOSED', 'The log of the page store has ended.');
  let isGone = false;
  port.on('close', () => {
    isGone = true;
    sender.rejectAll(gone);
  });
  port.unref();
  return {
    ask: (body: unknown): Promise<unknown> => (isGone ? Promise.reject(gone) : sender.send(body)),
    close: (): void => port.close(),
  };
}
