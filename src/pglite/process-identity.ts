import { readFileSync } from 'node:fs';

/** Identifies one run of a process. The pid is not enough, because the system reuses it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** The start time as the system reports it; `null` if the system has no `/proc`. */
  readonly started: string | null;
}

/** The identity of this process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, started: statusOf(process.pid)?.started ?? null };
}

/**
 * Whether exactly this process is running. In doubt it returns true, because a refusal is less harmful than two
 * writers.
 */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM means that the process exists, and belongs to another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = statusOf(pid);
  if (!now) return true;
  // A killed process keeps its pid until its parent reaps it. In many containers that never happens.
  if (now.dead) return false;
  return started === null || started === now.started;
}

/** Reads `/proc/<pid>/stat` (proc_pid_stat(5)); undefined if it cannot be read. */
function statusOf(pid: number): { dead: boolean; started: string } | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the name in parentheses. It may contain spaces and parentheses, so split after the last one.
  // The rest starts with the third field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticksSinceBoot] = [fields[0], fields[22 - 3]];
  // The ticks count from the boot, so they can repeat after another boot.
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
