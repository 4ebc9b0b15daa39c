import type { ConceptProviders } from '../common/concept-providers.js';
import { JwtAuthGuard } from './jwt-auth.guard.js';
import { JwtStrategy } from './jwt.strategy.js';
import { NotImpersonatedGuard } from './not-impersonated.guard.js';
import { PassportStrategies } from './passport-strategies.js';
import { PermissionsGuard } from './permissions.guard.js';
import { PresentedRefreshToken } from './presented-refresh-token.js';
import { RefreshTokenGuard } from './refresh-token.guard.js';
import { RefreshTokenStrategy } from './refresh-token.strategy.js';
import { RolesGuard } from './roles.guard.js';
import { ScopesGuard } from './scopes.guard.js';
import { StepUpGuard } from './step-up.guard.js';

export const guardProviders: ConceptProviders = {
  exported: [
    JwtAuthGuard,
    NotImpersonatedGuard,
    PermissionsGuard,
    PresentedRefreshToken,
    RefreshTokenGuard,
    RolesGuard,
    ScopesGuard,
    StepUpGuard,
  ],
  internal: [PassportStrategies, JwtStrategy, RefreshTokenStrategy],
};
