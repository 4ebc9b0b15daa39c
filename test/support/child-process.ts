import { fork, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { onTestFinished } from 'vitest';

/** A TypeScript program in a process of its own, killed after the test. */
export class Child {
  readonly #process: ChildProcess;
  readonly #messages: AsyncIterator<unknown[]>;
  readonly #exited: Promise<unknown>;

  constructor(program: string, ...args: string[]) {
    this.#process = fork(program, args, {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    // Ends with the channel, which is after the last message, so that no one waits for one that cannot come.
    this.#messages = on(this.#process, 'message', { close: ['disconnect'] });
    this.#exited = once(this.#process, 'exit');
    onTestFinished(() => this.kill());
  }

  get pid(): number {
    return this.#process.pid!;
  }

  send(message: string): void {
    this.#process.send(message);
  }

  async receive<T = string>(): Promise<T> {
    const { value, done } = (await this.#messages.next()) as IteratorResult<[T], undefined>;
    if (done) throw new Error('The child process ended.');
    return value[0];
  }

  /** All that came and was not received yet. Ends when the process has. */
  async rest<T>(): Promise<T[]> {
    const messages: T[] = [];
    for (;;) {
      const { value, done } = (await this.#messages.next()) as IteratorResult<[T], undefined>;
      if (done) return messages;
      messages.push(value[0]);
    }
  }

  /** `kill -9`, over when the process is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
