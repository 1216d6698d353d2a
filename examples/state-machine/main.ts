// A warehouse as a state machine: its commands are the log, its stock is what they make of nothing. With --crash the
// process kills itself when it is done, without closing anything; the next run has lost nothing.
//
//   node dist/examples/state-machine/main.js FOLDER [--crash]

import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { type Appended, openTypedLog, type TypedLog } from 'lanewal';

/** What can be done. It is logged before anybody hears of it, so it must do the same whenever it is done again. */
interface Command {
  readonly action: 'receive' | 'ship';
  readonly item: string;
  readonly count: number;
}

/** Entries as Node clones them: maps, dates and bigints included. Any pair of such functions is a codec. */
const codec = { encode: serialize, decode: deserialize as (bytes: Uint8Array) => Command };

class Warehouse {
  readonly #log: TypedLog<Command>;
  #stock = new Map<string, number>();
  #last: Appended | undefined;

  private constructor(log: TypedLog<Command>) {
    this.#log = log;
  }

  /** Opens it as it was: the newest saved stock, and every command behind that. */
  static async open(path: string): Promise<Warehouse> {
    const log = await openTypedLog(path, { codec });
    const warehouse = new Warehouse(log);
    const { stateUsed, replayed, success, problems } = await log.recover({
      load: (state) => {
        warehouse.#stock = deserialize(state);
      },
      apply: (command) => void warehouse.#apply(command),
    });
    if (!success) throw new Error(`Something that was promised is missing: ${JSON.stringify(problems)}.`);
    console.log(`${replayed} commands replayed behind ${stateUsed === null ? 'nothing' : `command ${stateUsed}`}`);
    return warehouse;
  }

  /** Does a command. @returns what came of it, once nothing can take it back */
  async execute(command: Command): Promise<string> {
    // At once: in one thread the order of the log is the order of the appends, so a replay applies as was applied here.
    this.#last = this.#log.append(command);
    const answer = this.#apply(command);
    await this.#last.durable();
    return answer;
  }

  /** Saves the stock as it is now, so that no replay has to begin at the first command; the log lets go of old ones. */
  async save(): Promise<void> {
    if (this.#last === undefined) return;
    const [state, last] = [serialize(this.#stock), this.#last];
    const { lastId } = await last.ids(); // of the last command that is in the stock
    await this.#log.saveState({ state, lastId });
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  /** The state machine itself: no clock, no chance, nothing but the command and the state. */
  #apply({ action, item, count }: Command): string {
    const present = this.#stock.get(item) ?? 0;
    if (action === 'ship' && present < count) return `refused: ${present} ${item}`;
    const now = action === 'ship' ? present - count : present + count;
    this.#stock.set(item, now);
    return `${now} ${item}`;
  }
}

const warehouse = await Warehouse.open(join(process.argv[2] ?? '.', 'warehouse'));
// Commands that wait at the same time share one sync.
const received = Array.from({ length: 20 }, () => warehouse.execute({ action: 'receive', item: 'bolts', count: 5 }));
console.log(`received: ${(await Promise.all(received)).at(-1)}`);
await warehouse.save();
console.log(`shipped: ${await warehouse.execute({ action: 'ship', item: 'bolts', count: 60 })}`);
console.log(`shipped: ${await warehouse.execute({ action: 'ship', item: 'bolts', count: 60 })}`);
if (process.argv[3] === '--crash') process.kill(process.pid, 'SIGKILL');
await warehouse.close();
