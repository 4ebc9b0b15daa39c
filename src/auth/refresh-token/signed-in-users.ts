import { Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { credentialsVersionOf } from '../user/credentials-version.js';
import { CurrentUsers } from '../user/current-users.js';
import type { AuthUser } from '../user/user-provider.js';

/** Looks at users again whose session has just begun. */
@Injectable()
export class SignedInUsers {
  constructor(
    private readonly users: CurrentUsers,
    private readonly revocation: SessionRevocation,
  ) {}

  /** Loads the user again. Ends the session if the user may not have it. */
  async reload(user: AuthUser, session: RefreshToken, client: ClientContext): Promise<AuthUser> {
    const version = credentialsVersionOf(user);
    const isKnown = (of: AuthUser) => version !== undefined && credentialsVersionOf(of) !== undefined;
    let loaded: Awaited<ReturnType<CurrentUsers['load']>>;
    try {
      loaded = await this.users.load(user.id, (fresh) => isKnown(fresh) && credentialsVersionOf(fresh) !== version);
    } catch (error) {
      // No client has this session's token. If the session cannot be ended now, it expires when idle.
      await this.revocation.end(session, 'sign_in_failed', client).catch(() => undefined);
      throw error;
    }
    if (!loaded || loaded.changed) {
      await this.revocation.end(session, loaded ? 'credentials_changed' : 'user_unavailable', client);
      throw new AuthError('invalid_credentials');
    }
    const fresh = loaded.user;
    if (credentialsVersionOf(fresh) !== version && !isKnown(fresh)) this.users.missVersion();
    return fresh;
  }
}
