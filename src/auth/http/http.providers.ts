import type { ConceptProviders } from '../common/concept-providers.js';
import { AuthResponder } from './auth-responder.js';
import { BodilessRequests } from './bodiless-requests.js';
import { ConnectionDrain } from './connection-drain.js';
import { LoginAnswers } from './login-answers.js';
import { SessionAnswers } from './session-answers.js';
import { SessionToEnd } from './session-to-end.js';

export const httpProviders: ConceptProviders = {
  exported: [AuthResponder],
  internal: [BodilessRequests, ConnectionDrain, LoginAnswers, SessionAnswers, SessionToEnd],
};
