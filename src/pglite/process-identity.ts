import { readFileSync } from 'node:fs';

/** One run of one process. The pid alone is not enough: the system gives it to another process later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the words of the system; `null` where the system does not tell (no `/proc`). */
  readonly started: string | null;
}

/** This process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, started: statusOf(process.pid)?.started ?? null };
}

/** Whether that very process is still there. In doubt it is: to be refused does less harm than two writers do. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM is the answer for a process of another user, which is there.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = statusOf(pid);
  if (!now) return true;
  // A killed process keeps its pid until its parent asks for it, in many containers for ever.
  if (now.dead) return false;
  return started === null || started === now.started;
}

/** Reads `/proc/<pid>/stat` (proc_pid_stat(5)); undefined where that cannot be read. */
function statusOf(pid: number): { dead: boolean; started: string } | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the name in parentheses, which may hold blanks and parentheses. The rest begins with the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticksSinceBoot] = [fields[0], fields[22 - 3]];
  // The ticks count from the boot, so another boot can repeat them.
  const boot = readProc('sys/kernel/random/boot_id')?.trim() ?? '';
  return { dead: state === 'Z' || state === 'X', started: `${boot}/${ticksSinceBoot}` };
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined;
  }
}
