import { useFastHash } from './fast-hash.js';

useFastHash();
const { FAULTS, honestHistories } = await import('./histories.js');

/** What the program is asked: this number of histories, from this seed on. */
export interface Task {
  readonly histories: number;
  readonly seed: number;
  readonly uses: number;
}

process.on('message', (message: string) => {
  const task = JSON.parse(message) as Task;
  process.send!(honestHistories({ ...task, faults: FAULTS.dense }));
});
process.send!('ready');
