import type { ConceptProviders } from '../common/concept-providers.js';
import { ACCESS_TOKEN_LIFETIME } from '../session/access-floor.js';
import { AccessTokenConfig } from './access-token-options.js';
import { AccessTokenPossession } from './access-token-possession.js';
import { AccessTokenWatch } from './access-token-watch.js';
import { AccessTokenService } from './access-token.service.js';
import { PresentedAccessTokens } from './presented-access-tokens.js';

export const accessTokenProviders: ConceptProviders = {
  exported: [AccessTokenPossession, AccessTokenService, PresentedAccessTokens],
  internal: [
    AccessTokenWatch,
    {
      provide: ACCESS_TOKEN_LIFETIME,
      useFactory: ({ ttl, clockTolerance }: AccessTokenConfig) => ttl + clockTolerance,
      inject: [AccessTokenConfig],
    },
  ],
};
