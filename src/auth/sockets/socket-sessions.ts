import { Injectable } from '@nestjs/common';
import { AccessTokenPossession } from '../access-token/access-token-possession.js';
import { AccessTokenWatch } from '../access-token/access-token-watch.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { PresentedAccessTokens } from '../access-token/presented-access-tokens.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { OpeningRequest } from '../common/request/message-request.js';
import { openSocket } from '../common/request/request-of.js';
import { type ClosableSocket, closeSocket, onceClosed } from './closable-socket.js';

/** A socket.io client carries its own handshake and opening request. */
interface SocketIoClient {
  readonly handshake?: { readonly auth?: unknown };
  readonly request?: OpeningRequest;
}

/**
 * Admits sockets by their access token, and closes them when the token is no longer valid. A socket is closed when its
 * session is revoked, when permissions change, and when its token expires. This works on every instance, within the
 * same delay as for access tokens.
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
export class SocketSessions {
  /** The users of the sockets that are open. */
  private readonly admitted = new Map<ClosableSocket, AuthenticatedUser>();

  constructor(
    private readonly accessTokens: AccessTokenService,
    private readonly possession: AccessTokenPossession,
    private readonly tokens: AccessTokenWatch,
    private readonly presented: PresentedAccessTokens,
  ) {}

  /**
   * Admits a socket by the access token that it was opened with, or closes it. A socket.io client first gets the event
   * `exception`. A ws client gets one of these close codes:
   *
   * - 4401 for `unauthorized`, `invalid_token` and `token_revoked`: sign in again
   * - 4403 for anything else, for example `token_expired`, `token_stale` and `use_dpop_nonce`: refresh and reconnect
   * - 1013 if the server cannot answer: try again later
   *
   * @param socket a socket of socket.io or of the package ws
   * @param opening the HTTP request that opened the socket; not needed for socket.io
   * @param credentials if the token is not in a header: `{ token }` or `{ authorization }`; not needed for socket.io
   * @returns the user, or `undefined` if the socket has been closed
   * @throws any error that is not an `AuthError`; the socket is closed with `server_error` first
   * @example
   * const user = await this.sockets.admit(client, request);
   * if (!user) return;
   */
  async admit(
    socket: ClosableSocket,
    opening?: OpeningRequest,
    credentials?: unknown,
  ): Promise<AuthenticatedUser | undefined> {
    const { handshake, request } = socket as SocketIoClient;
    try {
      const opened = openSocket(socket, opening ?? request ?? {}, credentials ?? handshake?.auth);
      const presented = this.presented.require(opened);
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
   * Returns the user of an admitted socket, or `undefined` for any other socket.
   *
   * @throws AuthError `token_expired`, `token_revoked`, `token_stale` or `temporarily_unavailable`
   * @example
   * const user = this.sockets.userOf(client);
   */
  userOf(socket: object): AuthenticatedUser | undefined {
    const user = this.admitted.get(socket as ClosableSocket);
    if (user) this.accessTokens.assertLive(user);
    return user;
  }

  /**
   * Closes the socket when the user's access token stops being valid. {@link admit} does this already.
   *
   * @example
   * this.sockets.watch(client, user);
   */
  watch(socket: ClosableSocket, user: AuthenticatedUser): void {
    if (this.admitted.has(socket)) return;
    this.admitted.set(socket, user);
    const unwatch = this.tokens.watch(user, (error) => this.close(socket, error));
    onceClosed(socket, () => {
      unwatch();
      this.admitted.delete(socket);
    });
  }

  private close(socket: ClosableSocket, error: AuthError): void {
    this.admitted.delete(socket);
    closeSocket(socket, error);
  }
}
