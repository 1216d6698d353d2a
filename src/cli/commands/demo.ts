import type { Command } from 'commander';
export function addDemo(program: Command, finish: (status: number) => void): void {
  program.command('demo').action(() => finish(0));
}
