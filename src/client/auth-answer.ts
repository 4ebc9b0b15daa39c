/** The response of a route that begins or renews a session (RFC 6749 §5.1), as far as the client reads it. */
export interface AuthAnswer {
  access_token: string;
  token_type: string;
  /** Seconds. */
  expires_in: number;
  session_id: string;
  /** Of the refresh token. */
  generation: number;
  refresh_token?: string;
  client_nonce?: string;
}

/**
 * Whether it is an answer of this server: a gateway or another server may have sent it. A token that has expired already
 * would be renewed endlessly.
 *
 * @param hasStore whether the refresh token must be in the body; otherwise it must not
 */
export function isAuthAnswer(answer: Partial<AuthAnswer> | null | undefined, hasStore: boolean): answer is AuthAnswer {
  return (
    !!answer?.access_token &&
    !!answer.token_type &&
    answer.expires_in! > 0 &&
    !!answer.session_id &&
    answer.generation! >= 0 &&
    !!answer.refresh_token === hasStore
  );
}
