import { sha256 } from '../../auth/common/crypto/sha256.js';
import { subnetOf } from '../../auth/common/request/address.js';
import type { AuthRouteName } from '../../auth/common/request/auth-route.decorator.js';
import { foldedNames } from './folded-name.js';
import type { FailureKind } from './throttling-options.js';

/** A counter for the failures of a request. */
export interface FailureKey {
  readonly kind: FailureKind;
  readonly key: string;
}

/** The counters of a request. */
export interface FailureKeys {
  /** The request is evaluated only if each of them has a place left. */
  readonly limiting: readonly FailureKey[];
  /** Count a wrong guess. */
  readonly guessed: readonly FailureKey[];
  /** Count a refusal that is not about a secret, for example of a DPoP proof. */
  readonly refused: readonly FailureKey[];
  /** Count what was refused because too much was under way. */
  readonly overloading: readonly FailureKey[];
}

/** Who sends a request, and what for. */
export interface Attempt {
  /** The name of the `AuthModule`, because another module may have an account with the same name. */
  readonly module: string | undefined;
  readonly route: AuthRouteName;
  /** `null` if it is not known. */
  readonly ip: string | null;
  /** Of a login: what may be the name of the account. */
  readonly usernames: readonly string[];
  /** Of a login: the device, if it has signed in to this account before. */
  readonly knownDevice: string | undefined;
  /** Whether it is a login by the library's own route, where devices become known. */
  readonly isOwnLogin: boolean;
  /** The sessions of the tokens in the request; empty if it has no token of this server. */
  readonly sessionIds: readonly string[];
  /** The user of the ticket in the second step of a login. */
  readonly ticketUser: string | undefined;
}

export function failureKeysOf(attempt: Attempt): FailureKeys {
  const { module, route, ip, usernames, knownDevice, isOwnLogin, sessionIds, ticketUser } = attempt;
  const keyOf = (kind: FailureKind, ...parts: string[]) => hashedKey(kind, module, parts);
  const address = ip ? subnetOf(ip) : 'unknown';
  const ofAddress = keyOf('login_of_address', address);
  const refreshes = (sessionIds.length > 0 ? sessionIds : ['none']).map((id) => keyOf('refresh', address, id));
  switch (route) {
    case 'login': {
      // Without a name, everybody at an address would share the few places of one.
      const names = [...new Set(usernames.flatMap(foldedNames))].sort();
      if (knownDevice !== undefined) {
        const device = keyOf('login', 'device', knownDevice);
        // Who knew the password once may have signed in on any number of devices.
        const ofAllDevices = names.map((name) => keyOf('login_of_name', 'device', name));
        // It may be the flood of others in which it has found no place.
        return { ...allBy([device, ...ofAllDevices]), overloading: [] };
      }
      const keys = [...names.map((name) => keyOf('login', address, name)), ofAddress];
      if (isOwnLogin) keys.push(...names.map((name) => keyOf('login_of_name', name)));
      return { limiting: keys, guessed: keys, refused: [ofAddress], overloading: [ofAddress] };
    }
    case 'mfa': {
      // Only who knows the first factor has a ticket. So a block affects only the user and a thief.
      const keys = ticketUser === undefined ? [ofAddress] : [keyOf('mfa', ticketUser), ofAddress];
      return { limiting: keys, guessed: keys, refused: [ofAddress], overloading: [ofAddress] };
    }
    case 'refresh':
      return { ...allBy(refreshes), refused: [...refreshes, ofAddress], overloading: [ofAddress] };
    case 'step-up': {
      if (sessionIds.length === 0) return { ...allBy(refreshes), overloading: [ofAddress] };
      // Only a holder of the session's token can fail here. So a block affects only the user and a thief.
      const stepUps = sessionIds.map((id) => keyOf('step_up', id));
      return {
        limiting: [...stepUps, ...refreshes],
        guessed: stepUps,
        refused: [...refreshes, ofAddress],
        overloading: [ofAddress],
      };
    }
  }
}

function allBy(keys: FailureKey[]): Omit<FailureKeys, 'overloading'> {
  return { limiting: keys, guessed: keys, refused: keys };
}

/** A hash, because user names have any length and should not appear in a counter store. */
function hashedKey(kind: FailureKind, module: string | undefined, parts: string[]): FailureKey {
  return { kind, key: `nrt-attempts:${sha256(JSON.stringify([kind, module ?? null, ...parts]))}` };
}
