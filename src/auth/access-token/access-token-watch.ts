import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { escapeControls } from '../common/logging/escape-controls.js';
import { Clock } from '../common/time/clock.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { RevocationFeed } from '../revocation/revocation-feed.js';
import { RevocationList } from '../revocation/revocation-list.js';
import { AccessTokenConfig } from './access-token-options.js';
import type { AuthenticatedUser } from './authenticated-user.js';

interface Watched {
  readonly user: AuthenticatedUser;
  readonly ended: (error: AuthError) => void;
  expiry?: NodeJS.Timeout;
}

/**
 * Tells when an access token stops being valid: it expires, its session ends, its permissions change, or the revocation
 * list is too old to know. It is for what stays open after its token has been checked: sockets and streams.
 */
@Injectable()
export class AccessTokenWatch implements OnApplicationShutdown {
  private readonly logger = new Logger(AccessTokenWatch.name);
  private readonly bySession = new Map<string, Set<Watched>>();
  private readonly subscriptions: (() => void)[];

  constructor(
    private readonly list: RevocationList,
    private readonly feed: RevocationFeed,
    private readonly clock: Clock,
    private readonly config: AccessTokenConfig,
    events: AuthEventBus,
  ) {
    this.subscriptions = [
      list.subscribe(({ sessionId }) => this.recheck(this.bySession.get(sessionId))),
      events.subscribe(({ type }) => {
        if (type === 'feed_stale') this.recheckAll();
      }),
    ];
  }

  onApplicationShutdown(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
    for (const { expiry } of [...this.bySession.values()].flatMap((watched) => [...watched])) clearTimeout(expiry);
    this.bySession.clear();
  }

  /**
   * Calls `ended` once, with `token_expired`, `token_revoked`, `token_stale` or `temporarily_unavailable`. That may be at
   * once. Returns a function that ends the watch.
   *
   * @param expires whether the token's expiry counts
   */
  watch(user: AuthenticatedUser, ended: (error: AuthError) => void, expires = true): () => void {
    const watched: Watched = { user, ended };
    const ofSession = this.bySession.get(user.sessionId) ?? new Set();
    this.bySession.set(user.sessionId, ofSession.add(watched));
    if (expires) {
      const left = user.expiresAt * 1000 + this.config.clockTolerance - this.clock.now();
      watched.expiry = setTimeout(() => this.end(watched, new AuthError('token_expired')), left).unref();
    }
    // The session may have ended since the token was checked.
    this.recheck([watched]);
    return () => this.forget(watched);
  }

  private recheckAll(): void {
    for (const watched of this.bySession.values()) this.recheck(watched);
  }

  private recheck(all: Iterable<Watched> = []): void {
    for (const watched of all) {
      try {
        // What the list knows holds, however old it is.
        this.list.check(watched.user.sessionId, watched.user.generation);
        this.feed.assertFresh();
      } catch (error) {
        this.end(watched, error as AuthError);
      }
    }
  }

  private end(watched: Watched, error: AuthError): void {
    this.forget(watched);
    try {
      watched.ended(error);
    } catch (failure) {
      // The other streams and sockets of the session must end, too.
      this.logger.error(`A stream or socket did not end: ${escapeControls(String(failure))}`);
    }
  }

  private forget(watched: Watched): void {
    clearTimeout(watched.expiry);
    const { sessionId } = watched.user;
    const ofSession = this.bySession.get(sessionId);
    ofSession?.delete(watched);
    if (ofSession?.size === 0) this.bySession.delete(sessionId);
  }
}
