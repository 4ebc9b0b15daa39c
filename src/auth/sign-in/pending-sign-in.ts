import type { SignInRequest } from '../refresh-token/sign-in-request.js';

/** A sign-in after its first step, as its ticket has it. */
export interface PendingSignIn {
  /** Random. The ticket is used up by this id. */
  readonly id: string;
  readonly userId: string;
  /** A keyed hash of the credentials' version, with the id; `null` if the user provider does not tell it. */
  readonly credentialsHash: string | null;
  /** What the user typed to name the account. */
  readonly accountName?: string;
  /** What the first request asked for, and what the user provider said of the session. The second cannot change it. */
  readonly request: SignInRequest;
  readonly methods: readonly string[];
  /** The thumbprint of the DPoP key that the first request proved. */
  readonly dpopKey?: string;
  /** The thumbprint of its client certificate, if the session is to be bound to it. */
  readonly certificate?: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}
