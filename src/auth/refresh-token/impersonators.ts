import { Injectable } from '@nestjs/common';
import { KeyRing } from '../common/crypto/key-ring.js';
import { Clock } from '../common/time/clock.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { CurrentUsers } from '../user/current-users.js';
import { haveCredentialsChanged } from './credentials.js';
import { sessionEndReason } from './refresh-rule.js';

/** Who began an impersonated session, and from which session of their own. */
export type Impersonator = Pick<RefreshToken, 'actor' | 'actorName' | 'actorSessionId'>;

/** The columns of a session that its user began. */
export const NO_IMPERSONATOR: Impersonator = { actor: null, actorName: null, actorSessionId: null };

/** Tells whether an administrator may still act as somebody else. */
@Injectable()
export class Impersonators {
  constructor(
    private readonly users: CurrentUsers,
    private readonly store: RefreshTokenStore,
    private readonly keys: KeyRing,
    private readonly clock: Clock,
    private readonly config: RefreshTokenConfig,
  ) {}

  /**
   * Whether the administrator has been disabled, or has lost the session that the impersonation began in. New credentials
   * end that session at its next refresh, so they count already here. `false` for a session that its user began.
   *
   * @throws AuthError `temporarily_unavailable` if that cannot be told; nothing is concluded from it
   */
  async isGone({ actor, actorSessionId }: Impersonator): Promise<boolean> {
    if (actor === null || actorSessionId === null) return actor !== null;
    const session = await this.store.find(actorSessionId);
    if (session?.userId !== actor || sessionEndReason(session, this.clock.now(), this.config)) return true;
    const keys = this.keys.find(session.keyId);
    if (!keys) return true;
    const loaded = await this.users.load(actor, (user) => haveCredentialsChanged(session, keys, user));
    return loaded === null || loaded.changed;
  }
}
