import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/time/clock.js';
import { BoundedUserProvider } from './bounded-user-provider.js';
import type { AuthUser } from './user-provider.js';

/** Milliseconds from new credentials until all that belongs to the change is known, if it was not one transaction. */
const LATEST_NEWS = 1_000;

/** Loads users, and looks twice before a session ends because of new credentials. */
@Injectable()
export class CurrentUsers {
  private readonly logger = new Logger(CurrentUsers.name);
  private versionsAreMissing = false;

  constructor(
    private readonly users: BoundedUserProvider,
    private readonly clock: Clock,
  ) {}

  /** Whether some methods of the user provider returned no `credentialsVersion`, though others did. */
  get areVersionsMissing(): boolean {
    return this.versionsAreMissing;
  }

  /**
   * Loads the user, and again a second later if the credentials seem to have changed. The host may be about to say that
   * the session stays, or a replica of its users may lag.
   */
  async load(
    id: string,
    seemsChanged: (user: AuthUser) => boolean,
  ): Promise<{ user: AuthUser; changed: boolean } | null> {
    const user = await this.users.loadUser(id);
    if (!user || !seemsChanged(user)) return user && { user, changed: false };
    await this.clock.sleep(LATEST_NEWS);
    const again = await this.users.loadUser(id);
    return again && { user: again, changed: seemsChanged(again) };
  }

  /** Logs once that a session could not be judged. */
  missVersion(): void {
    if (this.versionsAreMissing) return;
    this.versionsAreMissing = true;
    this.logger.warn(
      'The user provider does not return credentialsVersion from all methods, or no longer. Sessions of users with new ' +
        'credentials do not end by themselves. Return it from all methods, and give it to issue.',
    );
  }
}
