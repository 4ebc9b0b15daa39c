import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Waits until its input closes. Then it kills the process groups whose ids are in the folder, and removes the folder. */
const WATCHDOG = `
cat >/dev/null
for file in "$1"/*.pid; do [ -f "$file" ] && kill -9 "-$(cat "$file")" 2>/dev/null; done
for attempt in 1 2 3 4 5; do rm -rf "$1" && break; sleep 0.2; done
`;

const SETPRIV = '/usr/bin/setpriv';

/** Whether this machine can run a program as another user. */
export const otherUsersAvailable = existsSync(SETPRIV);

/**
 * The command that runs a program as this user, in the group of the same name or number; without one, as the user of
 * this process.
 */
export function asUser(
  user: string | undefined,
  program: string,
  args: readonly string[],
): [program: string, args: readonly string[]] {
  if (user === undefined) return [program, args];
  return [SETPRIV, [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', program, ...args]];
}

/**
 * A temporary folder with the servers that work in it. Both end with this process, however it ends: the system closes
 * the input of a watchdog then.
 */
export class OwnedFolder {
  readonly path: string;
  private readonly watchdog: ChildProcess;

  constructor(prefix: string) {
    this.path = mkdtempSync(join(tmpdir(), prefix));
    // In a session of its own, so that no signal for our group ends it.
    this.watchdog = spawn('sh', ['-c', WATCHDOG, 'watchdog', this.path], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
  }

  /** Starts a server as a process group of its own. */
  spawn(name: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: this.path, env });
    const pidFile = join(this.path, `${name}.pid`);
    if (child.pid) writeFileSync(pidFile, String(child.pid));
    // The system may give its id to another process.
    child.once('exit', () => rmSync(pidFile, { force: true }));
    return child;
  }

  /** Kills the servers, and removes the folder. */
  async remove(): Promise<void> {
    this.watchdog.stdin!.end();
    if (this.watchdog.exitCode === null) await once(this.watchdog, 'exit');
  }
}
