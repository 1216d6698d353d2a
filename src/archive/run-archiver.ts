// The body of the archiver's thread: one order at a time, in the order in which they come.

import { NodeDirectory } from '../storage/node-directory.js';
import { answerRequests } from '../thread/request-port.js';
import type { MessagePort } from '../thread/thread-connect.js';
import { type ArchiveOrder, type ArchiveSettings, archiveAndPrune, nodeArchivePlace } from './archiver.js';

/** What the thread is started with. */
export interface ArchiverStart {
  readonly logPath: string;
  readonly archivePath: string;
  readonly settings: ArchiveSettings;
}

/** Answers every order with why the archive could not be pruned, or undefined; rejects when the file is not in it. */
export function runArchiver({ logPath, archivePath, settings }: ArchiverStart, port: MessagePort): void {
  const place = nodeArchivePlace(new NodeDirectory(logPath), new NodeDirectory(archivePath));
  answerRequests(port, (order) => archiveAndPrune(place, settings, order as ArchiveOrder)?.toWire());
}
