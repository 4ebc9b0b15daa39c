import type { AuthUser } from 'nestjs-refresh-token';
import { afterEach, beforeEach } from 'vitest';
import { type Adapter, type AuthApp, HostUsers } from './auth-app.js';
import { type Answer, type AuthBody, login } from './http.js';
import { listening } from './listening.js';

export const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
/** As many wait for each check that may be under way. */
export const QUEUED = 32;

/** A user provider whose checks settle when the test says so. */
export class HeldUsers extends HostUsers {
  readonly begun: { username: string; settle: () => void }[] = [];
  mostUnderWay = 0;
  /** What a check does. */
  work: () => Promise<unknown> = () => Promise.resolve();
  private underWay = 0;

  override validateCredentials = (username: string) => this.check(username);
  override reauthenticate = (id: string) => this.check(id.replace('user-', ''));
  override loadUser = async (id: string) => this.userOf(id.replace('user-', ''));

  /** From now on a check settles when the test settles it. */
  hold(): void {
    this.begun.length = this.mostUnderWay = 0;
    this.work = () => new Promise<void>((resolve) => (this.begun[this.begun.length - 1].settle = resolve));
  }

  /** Settles what is held, and holds nothing more. */
  release(): void {
    this.work = () => Promise.resolve();
    for (const { settle } of this.begun) settle();
  }

  private async check(username: string): Promise<AuthUser | null> {
    this.begun.push({ username, settle: () => undefined });
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    await this.work();
    this.underWay--;
    return this.userOf(username);
  }

  /** With a version, so that a login checks the password once. */
  private userOf(username: string): AuthUser | null {
    const user = this.users.get(username);
    return user ? { ...user, credentialsVersion: 1 } : null;
  }
}

/** An application with users whose checks the tests hold: two checks may be under way. */
export function listeningHeld(adapter: Adapter): { users: HeldUsers; app: AuthApp } {
  const users = new HeldUsers();
  const app = listening(adapter, {
    users,
    trustProxy: 'loopback',
    quiet: true,
    options: { concurrentPasswordChecks: 2, userProviderTimeout: '60s' },
  });
  beforeEach(() => users.hold());
  afterEach(() => users.release());
  return { users, app };
}

/** Logins of one user that are sent together. */
export function flood(url: string, count: number, headers?: Record<string, string>): Promise<Answer<AuthBody>>[] {
  return Array.from({ length: count }, () => login(url, ALICE, headers));
}
