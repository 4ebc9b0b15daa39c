import type { ConceptProviders } from '../common/concept-providers.js';
import { NewDevices } from '../device/new-devices.js';
import { GenuineTokens } from './genuine-tokens.js';
import { ImpersonationService } from './impersonation.service.js';
import { Impersonators } from './impersonators.js';
import { RefreshAdmission } from './refresh-admission.js';
import { RefreshAttempts } from './refresh-attempt.js';
import { RefreshEvents } from './refresh-events.js';
import { RefreshRefusal } from './refresh-refusal.js';
import { RefreshTimes } from './refresh-times.js';
import { RefreshTokenCodec } from './refresh-token.codec.js';
import { RefreshTokenService } from './refresh-token.service.js';
import { RepeatWriter } from './repeat-writer.js';
import { SessionIssuer } from './session-issuer.js';
import { SessionPlaces } from './session-places.js';
import { SessionPurge } from './session-purge.js';
import { SessionRows } from './session-rows.js';
import { SignedInUsers } from './signed-in-users.js';
import { WindowStart } from './window-start.js';
import { TermsOfSignIn } from './terms-of-sign-in.js';
import { TokenHasher } from './token-hasher.js';
import { TokenIssuer } from './token-issuer.js';
import { TokenRotation } from './token-rotation.js';
import { UserErasure } from './user-erasure.js';
import { UserSessions } from './user-sessions.js';

export const refreshTokenProviders: ConceptProviders = {
  exported: [ImpersonationService, RefreshTokenService],
  internal: [
    GenuineTokens,
    Impersonators,
    NewDevices,
    RefreshAdmission,
    RefreshAttempts,
    RefreshEvents,
    RefreshRefusal,
    RefreshTimes,
    RefreshTokenCodec,
    RepeatWriter,
    SessionIssuer,
    SessionPlaces,
    SessionPurge,
    SessionRows,
    SignedInUsers,
    WindowStart,
    TermsOfSignIn,
    TokenHasher,
    TokenIssuer,
    TokenRotation,
    UserErasure,
    UserSessions,
  ],
};
