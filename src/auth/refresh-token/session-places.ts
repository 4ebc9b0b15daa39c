import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { makeRoom } from '../session/session-limit.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { sessionEndReason } from './refresh-rule.js';

/** Inserts sessions, and makes room for them among the others of the user. */
@Injectable()
export class SessionPlaces implements OnModuleInit {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly revocation: SessionRevocation,
    private readonly config: RefreshTokenConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    const locksUsers = this.limits.some((limit) => limit !== undefined) || this.config.onNewDevice !== false;
    if (locksUsers) await this.store.tryTransaction();
  }

  /** All limits of sessions, of users and of their clients. */
  private get limits(): (number | undefined)[] {
    const ofClients = [...this.config.clients.values()].map((client) => client.maxSessionsPerUser);
    return [this.config.maxSessionsPerUser, ...ofClients];
  }

  /** @throws AuthError `session_limit` if there is no room, and `onTooManySessions` is `'refuse'` */
  async take(session: RefreshToken, client: ClientContext): Promise<void> {
    const { maxSessionsPerUser: ofUser, clients, onTooManySessions } = this.config;
    const ofClient = clients.get(session.clientId)?.maxSessionsPerUser;
    // An administrator who acts as the user ends none of the user's sessions, and takes none of their places.
    if (session.actor !== null || (ofUser ?? ofClient) === undefined) return this.store.insert(session);
    const displaced = await this.store.insertInPlaceOf(session, 'session_limit', (others) => {
      const live = others.filter(
        (other) => other.actor === null && !sessionEndReason(other, session.createdAt, this.config),
      );
      const leaving = makeRoom(live, session.clientId, { ofUser, ofClient }, onTooManySessions);
      if (!leaving) throw new AuthError('session_limit');
      return leaving;
    });
    for (const other of displaced) this.revocation.ended(other, 'session_limit', client);
  }
}
