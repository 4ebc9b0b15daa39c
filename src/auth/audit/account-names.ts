import { createHmac, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { KeyRing } from '../common/crypto/key-ring.js';
import { escapeControls } from '../common/logging/escape-controls.js';
import type { AuthEvent } from '../events/auth-event.js';
import { accountOf } from '../user/account-of.js';
import { AuditConfig } from './audit-options.js';

/** Bytes of a hash. The key keeps it from being guessed, so it only has to tell accounts apart. */
const HASH_BYTES = 16;
/** Characters of a name in an event. */
const LONGEST_NAME = 255;

/** The fields of an event that say which account a login was for. */
export type NamedAccount = Pick<AuthEvent, 'account' | 'accountName'>;

/**
 * Tells the accounts of logins apart without their names. Users type other things into the field for the name, too: some
 * type their password.
 */
@Injectable()
export class AccountNames {
  constructor(
    private readonly keys: KeyRing,
    private readonly config: AuditConfig,
  ) {}

  /** What an event says about the account. It says nothing if the client sent no name. */
  tell(username: unknown): NamedAccount {
    if (typeof username !== 'string' || username === '') return {};
    const account = hash(this.keys.current.account, accountOf(username));
    if (!this.config.accountNames) return { account };
    const accountName = escapeControls(username.slice(0, LONGEST_NAME)).slice(0, LONGEST_NAME);
    return { account, accountName };
  }

  /** The hashes of a name, one for each configured secret. Events of now have the first one. */
  hashes(username: string): string[] {
    const account = accountOf(username);
    return this.keys.all.map((keys) => hash(keys.account, account));
  }
}

function hash(key: KeyObject, account: string): string {
  return createHmac('sha256', key).update(account).digest().subarray(0, HASH_BYTES).toString('base64url');
}
