/**
 * What a client says about one use of a refresh token. Make it with `tokenUseOf(request)`.
 *
 * @example
 * const use: TokenUse = { idempotencyKey: 'uQ3nT0kq9o2dJc5w', receivedWith: { generation: 4, keys: ['p8VxkLr2mZ0aWb7e'] } };
 */
export interface TokenUse {
  /** The key of this use: the same for every retry. 16 to 64 URL-safe characters. */
  readonly idempotencyKey?: string;
  /** The uses that may have brought the presented token. Absent means that the client does not know. */
  readonly receivedWith?: ReceivedWith;
  /**
   * The client that the request names. It must be that of the session (RFC 6749 §6). Absent means that it names none. A
   * sign-in ignores it: there `SignInRequest.clientId` counts.
   */
  readonly clientId?: string;
  /** Whether the sender of the request has hung up, and can be given nothing. */
  readonly hasHungUp?: () => boolean;
}

/**
 * A claim of the client: to which uses its token was given.
 *
 * @example
 * const claim: ReceivedWith = { generation: 4, keys: ['p8VxkLr2mZ0aWb7e'] };
 */
export interface ReceivedWith {
  /** The generation of the presented token. A claim about another generation is ignored. */
  readonly generation: number;
  /** At least one key. A careful client has exactly one. */
  readonly keys: readonly string[];
}
