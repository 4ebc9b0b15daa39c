import { Injectable } from '@nestjs/common';
import { AccessTokenConfig } from '../access-token/access-token-options.js';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { LIFETIMES } from '../session/limits-per-client.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { detailColumns } from '../session/session-details.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import type { SessionTerms } from '../session/session-terms.js';

/** What the row says of its lifetime, and what the sign-in says about it. */
type TermColumns = Pick<RefreshToken, 'idleTtl' | 'accessTokenTtl' | 'persistent' | 'tags' | 'metadata'>;

/** What the row says of the latest authentication. */
export type AuthenticationColumns = Pick<RefreshToken, 'amr' | 'acr'>;

/** As long as the columns. */
const LONGEST = 255;
const VISIBLE = /^[\x21-\x7e]+$/;

/** Decides how long a session lives: by its sign-in, else by its client, else by the module, and never longer than that. */
@Injectable()
export class TermsOfSignIn {
  /** @throws AuthConfigurationError if access tokens of a client would live longer than those of the module */
  constructor(
    private readonly config: RefreshTokenConfig,
    private readonly accessTokenConfig: AccessTokenConfig,
  ) {
    for (const [id, { accessTokenTtl }] of config.clients) {
      if ((accessTokenTtl ?? 0) <= accessTokenConfig.ttl) continue;
      throw new AuthConfigurationError(
        `refreshToken.clients.${id}.accessTokenTtl is longer than accessToken.ttl, and no access token may live longer. ` +
          'Raise accessToken.ttl: clients that should have less can say so here.',
      );
    }
  }

  /**
   * The columns of the row, and its lifetime in milliseconds.
   *
   * @throws AuthConfigurationError for a term that is not valid
   * @throws AuthError `invalid_request` for tags or metadata that are not valid, because a client may have sent them
   */
  of(clientId: string, terms: SessionTerms): { ttl: number; columns: TermColumns & AuthenticationColumns } {
    const client = this.config.clients.get(clientId);
    const wanted = (name: 'ttl' | 'idleTtl' | 'accessTokenTtl') => LIFETIMES[name](name, terms[name]) ?? client?.[name];
    const idleTtl = shorter(wanted('idleTtl'), this.config.idleTtl);
    // An access token must not outlive a session that nobody uses.
    const accessTokenTtl = Math.min(wanted('accessTokenTtl') ?? Infinity, idleTtl ?? Infinity);
    return {
      ttl: Math.min(wanted('ttl') ?? Infinity, this.config.ttl),
      columns: {
        idleTtl,
        accessTokenTtl: shorter(accessTokenTtl, this.accessTokenConfig.ttl),
        persistent: LIFETIMES.persistent('persistent', terms.persistent) ?? client?.persistent ?? true,
        ...authenticationColumns(terms),
        tags: null,
        metadata: null,
        ...detailColumns({ tags: terms.tags, metadata: terms.metadata }),
      },
    };
  }
}

/** `null` if it is not shorter, so that a change of the configuration applies to the session as well. */
function shorter(wanted: number | undefined, bound: number): number | null {
  return wanted !== undefined && wanted < bound ? wanted : null;
}

/** @throws AuthConfigurationError if one is not what RFC 9068 §2.2.1 takes, or too long */
export function authenticationColumns({ amr, acr }: Pick<SessionTerms, 'amr' | 'acr'>): AuthenticationColumns {
  if (amr !== undefined && !(Array.isArray(amr) && amr.length > 0 && amr.every(isName) && isName(amr.join('+')))) {
    throw new AuthConfigurationError(
      "amr must be a list of names without spaces (RFC 8176), for example ['pwd', 'otp'].",
    );
  }
  if (acr !== undefined && !isName(acr)) {
    throw new AuthConfigurationError("acr must be one name without spaces, for example 'aal2'.");
  }
  return { amr: amr?.join(' ') ?? null, acr: acr ?? null };
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.length <= LONGEST && VISIBLE.test(name);
}
