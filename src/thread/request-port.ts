// Requests with answers over a message port. Errors cross as plain data (base/errors.ts). Answers come in any order.

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { toWalError, WalError, type WireError } from '../base/errors.js';

interface RequestMessage {
  readonly request: number;
  readonly body: unknown;
}

interface AnswerMessage {
  readonly answer: number;
  readonly result?: unknown;
  readonly error?: WireError;
}

/** Sends requests and settles them with the answers; passes everything else on. */
export class RequestSender {
  readonly #port: MessagePort;
  readonly #open = new Map<number, { resolve(result: unknown): void; reject(error: WalError): void }>();
  #next = 1;

  /** @param onNotice - told about messages that are no answers */
  constructor(port: MessagePort, onNotice: (notice: unknown) => void) {
    this.#port = port;
    port.on('message', (message: AnswerMessage | undefined) => {
      if (message?.answer === undefined) return onNotice(message);
      const open = this.#open.get(message.answer);
      // Given up meanwhile: nobody is left to hear it.
      if (open === undefined) return;
      this.#open.delete(message.answer);
      if (message.error === undefined) open.resolve(message.result);
      else open.reject(WalError.fromWire(message.error));
    });
  }

  send(body: unknown): Promise<unknown> {
    const request = this.#next++;
    return new Promise((resolve, reject) => {
      this.#open.set(request, { resolve, reject });
      this.#port.postMessage({ request, body } satisfies RequestMessage);
    });
  }

  /** The other side is gone: nothing will be answered any more. */
  rejectAll(error: WalError): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { reject } of open) reject(error);
  }
}

/** Answers every request on `port` with what `answer` resolves or rejects to. */
export function answerRequests(port: MessagePort, answer: (body: unknown) => unknown): void {
  port.on('message', async ({ request, body }: RequestMessage) => {
    try {
      port.postMessage({ answer: request, result: await answer(body) } satisfies AnswerMessage);
    } catch (thrown) {
      port.postMessage({
        answer: request,
        error: toWalError(thrown, 'do what was asked').toWire(),
      } satisfies AnswerMessage);
    }
  });
}

/** Takes the messages that have already arrived, without turning the event loop. */
export function takeArrived(port: MessagePort, take: (message: unknown) => void): void {
  for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) take(got.message);
}
