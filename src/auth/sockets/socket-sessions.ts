import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AccessTokenConfig } from '../access-token/access-token-options.js';
import { AccessTokenPossession } from '../access-token/access-token-possession.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { requirePresented } from '../access-token/presented-access-token.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { OpeningRequest } from '../common/request/message-request.js';
import { openSocket } from '../common/request/request-of.js';
import { Clock } from '../common/time/clock.js';
import { RevocationList } from '../revocation/revocation-list.js';
import { type ClosableSocket, closeSocket, onceClosed } from './closable-socket.js';

/** What is known of a socket that has been let in. */
interface Admitted {
  readonly user: AuthenticatedUser;
  readonly expiry: NodeJS.Timeout;
}

/** A client of socket.io says by itself what it was opened with. */
interface SocketIoClient {
  readonly handshake?: { readonly auth?: unknown };
  readonly request?: OpeningRequest;
}

/**
 * The sockets that have been let in by an access token. A socket is closed when its session is revoked, when permissions
 * have changed, and when its token expires, on every instance within the same delay in which access tokens are refused.
 *
 * @example
 * @WebSocketGateway()
 * export class ChatGateway implements OnGatewayConnection {
 *   constructor(private readonly sockets: SocketSessions) {}
 *
 *   async handleConnection(client: WebSocket, request: IncomingMessage) {
 *     const user = await this.sockets.admit(client, request);
 *   }
 * }
 */
@Injectable()
export class SocketSessions implements OnModuleDestroy {
  private readonly admitted = new Map<ClosableSocket, Admitted>();
  private readonly bySession = new Map<string, Set<ClosableSocket>>();
  private readonly unsubscribe: () => void;

  constructor(
    private readonly accessTokens: AccessTokenService,
    private readonly possession: AccessTokenPossession,
    private readonly clock: Clock,
    private readonly config: AccessTokenConfig,
    private readonly list: RevocationList,
  ) {
    this.unsubscribe = list.subscribe(({ sessionId }) => this.recheck(sessionId));
  }

  onModuleDestroy(): void {
    this.unsubscribe();
    for (const { expiry } of this.admitted.values()) clearTimeout(expiry);
  }

  /**
   * Lets a socket in by the access token that it was opened with, or closes it: with 4401 and `unauthorized`,
   * `invalid_token` or `token_revoked`; with 1013 where the server cannot answer; with 4403 for anything else, such as
   * `token_expired`, `token_stale` or `use_dpop_nonce`. A socket of socket.io gets the event `exception` before.
   *
   * @param socket of socket.io, or of the package ws
   * @param opening the request that has opened it; socket.io needs none
   * @param credentials where the token is not in a header: `{ token }` or `{ authorization }`; socket.io needs none
   * @returns `undefined` for one that has been closed
   */
  async admit(
    socket: ClosableSocket,
    opening?: OpeningRequest,
    credentials?: unknown,
  ): Promise<AuthenticatedUser | undefined> {
    const { handshake, request } = socket as SocketIoClient;
    try {
      const opened = openSocket(socket, opening ?? request ?? {}, credentials ?? handshake?.auth);
      const presented = requirePresented(opened);
      const user = this.accessTokens.verify(presented.token);
      await this.possession.prove(user, presented, opened);
      opened.user = user;
      this.watch(socket, user);
      return this.userOf(socket);
    } catch (error) {
      this.close(socket, error instanceof AuthError ? error : new AuthError('server_error'));
      if (error instanceof AuthError) return undefined;
      throw error;
    }
  }

  /**
   * The user of a socket that has been let in.
   *
   * @throws AuthError `token_expired`, `token_revoked`, `token_stale`, `temporarily_unavailable`
   */
  userOf(socket: object): AuthenticatedUser | undefined {
    const user = this.admitted.get(socket as ClosableSocket)?.user;
    if (user) this.accessTokens.assertLive(user);
    return user;
  }

  /** Closes the socket once the user's access token is no longer good. */
  watch(socket: ClosableSocket, user: AuthenticatedUser): void {
    if (this.admitted.has(socket)) return;
    const left = user.expiresAt * 1000 + this.config.clockTolerance - this.clock.now();
    const expiry = setTimeout(() => this.close(socket, new AuthError('token_expired')), left).unref();
    this.admitted.set(socket, { user, expiry });
    const ofSession = this.bySession.get(user.sessionId) ?? new Set();
    this.bySession.set(user.sessionId, ofSession.add(socket));
    onceClosed(socket, () => this.forget(socket));
    // It may have ended while possession was being proven.
    this.recheck(user.sessionId);
  }

  private recheck(sessionId: string): void {
    for (const socket of this.bySession.get(sessionId) ?? []) {
      try {
        this.list.check(sessionId, this.admitted.get(socket)!.user.generation);
      } catch (error) {
        this.close(socket, error as AuthError);
      }
    }
  }

  private close(socket: ClosableSocket, error: AuthError): void {
    this.forget(socket);
    closeSocket(socket, error);
  }

  private forget(socket: ClosableSocket): void {
    const admitted = this.admitted.get(socket);
    if (!admitted) return;
    clearTimeout(admitted.expiry);
    this.admitted.delete(socket);
    const { sessionId } = admitted.user;
    const ofSession = this.bySession.get(sessionId);
    ofSession?.delete(socket);
    if (ofSession?.size === 0) this.bySession.delete(sessionId);
  }
}
