/**
 * A device from which a user has signed in for the first time: what `refreshToken.onNewDevice` gets.
 *
 * @example
 * const onNewDevice = ({ userId, deviceName, userAgent, country }: NewDevice) =>
 *   mails.send(userId, `A new sign-in: ${deviceName ?? userAgent} in ${country}`);
 */
export interface NewDevice {
  readonly userId: string;
  readonly sessionId: string;
  readonly clientId: string;
  /** As the client sent it. */
  readonly deviceName: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** ISO 3166-1, two letters; `null` if it is not known. */
  readonly country: string | null;
  /** Milliseconds since the Unix epoch. */
  readonly signedInAt: number;
  /** Whether the table has no other session of the user: a new account, or one that nobody has used for a long time. */
  readonly isFirst: boolean;
}

/** Called once for each new device. What it throws is logged. No sign-in waits for it, and none fails with it. */
export type OnNewDevice = (device: NewDevice) => void | Promise<void>;
