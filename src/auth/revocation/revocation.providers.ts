import type { ConceptProviders } from '../common/concept-providers.js';
import { MassRevocation } from './mass-revocation.js';
import { RevocationFeed } from './revocation-feed.js';
import { RevocationList } from './revocation-list.js';
import { SessionRevocation } from './session-revocation.js';

export const revocationProviders: ConceptProviders = {
  exported: [RevocationFeed],
  internal: [MassRevocation, RevocationList, SessionRevocation],
};
