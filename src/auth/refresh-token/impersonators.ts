import { Injectable } from '@nestjs/common';
import { Clock } from '../common/time/clock.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import { sessionEndReason } from './refresh-rule.js';

/** Who began an impersonated session, and from which session of their own. */
export type Impersonator = Pick<RefreshToken, 'actor' | 'actorName' | 'actorSessionId'>;

/** The columns of a session that its user began. */
export const NO_IMPERSONATOR: Impersonator = { actor: null, actorName: null, actorSessionId: null };

/** Tells whether an administrator may still act as somebody else. */
@Injectable()
export class Impersonators {
  constructor(
    private readonly users: BoundedUserProvider,
    private readonly store: RefreshTokenStore,
    private readonly clock: Clock,
    private readonly config: RefreshTokenConfig,
  ) {}

  /**
   * Whether the administrator has been disabled, or has lost the session that the impersonation began in. `false` for a
   * session that its user began.
   *
   * @throws AuthError `temporarily_unavailable` if that cannot be told; nothing is concluded from it
   */
  async isGone({ actor, actorSessionId }: Impersonator): Promise<boolean> {
    if (actor === null || actorSessionId === null) return actor !== null;
    const [session, user] = await Promise.all([this.store.find(actorSessionId), this.users.loadUser(actor)]);
    const lives = session?.userId === actor && !sessionEndReason(session, this.clock.now(), this.config);
    return !lives || user === null;
  }
}
